import { HEALTH_LOOKS, headline, overallStatus, type Health } from "../../model/health";
import { useSilentSince } from "../../state/reach";
import { Time } from "../../ui/Time";

/** The whole in one line that can be read across the room. Of a server that does not answer nothing is known. */
export function Overall({ health, firing, urgent }: { health: Health; firing: number; urgent: number }) {
  const silentMs = useSilentSince();
  const was = HEALTH_LOOKS[overallStatus(health, urgent)];
  const looks = silentMs === null ? was : HEALTH_LOOKS.unknown;
  const calm = health.components.filter((part) => part.status === "healthy").length;
  return (
    <section className="as-card as-overall" aria-label="Overall health" style={{ borderLeftColor: looks.color }}>
      <span className={silentMs === null ? "as-dot as-dot-live" : "as-dot"} style={{ color: looks.color }} />
      <div>
        <div className="as-overall-word" style={{ color: looks.color }} data-testid="overall">
          {looks.word}
        </div>
        <div className="as-dim">
          {silentMs === null ? (
            headline(health, firing)
          ) : (
            <>
              It was {was.word.toLowerCase()} at <Time at={silentMs} parts="time" />, when the server was heard last
            </>
          )}
        </div>
      </div>
      <dl className="as-overall-facts">
        <div>
          <dt>Components healthy</dt>
          <dd>
            {calm} of {health.components.length}
          </dd>
        </div>
        <div>
          <dt>Alerts firing</dt>
          <dd>{firing}</dd>
        </div>
      </dl>
    </section>
  );
}
