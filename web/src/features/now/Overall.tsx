import { HEALTH_LOOKS, headline, overallStatus, type Health } from "../../model/health";

/** The whole in one line that can be read across the room. */
export function Overall({ health, firing, urgent }: { health: Health; firing: number; urgent: number }) {
  const looks = HEALTH_LOOKS[overallStatus(health, urgent)];
  const calm = health.components.filter((part) => part.status === "healthy").length;
  return (
    <section className="as-card as-overall" aria-label="Overall health" style={{ borderLeftColor: looks.color }}>
      <span className="as-dot as-dot-live" style={{ color: looks.color }} />
      <div>
        <div className="as-overall-word" style={{ color: looks.color }} data-testid="overall">
          {looks.word}
        </div>
        <div className="as-dim">{headline(health, firing)}</div>
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
