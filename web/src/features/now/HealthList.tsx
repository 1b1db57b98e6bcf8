import { HEALTH_LOOKS, type Component } from "../../model/health";
import { Empty } from "../../ui/States";
import { Ago } from "../../ui/Time";

function Row({ part, nowMs }: { part: Component; nowMs: number }) {
  const looks = HEALTH_LOOKS[part.status];
  return (
    <li className="as-health-row">
      <span className="as-dot" style={{ color: looks.color }} />
      <div className="as-health-text">
        <div className="as-row">
          <strong>{part.component}</strong>
          <span className="as-dim as-small">{part.kind}</span>
        </div>
        {part.message && <div className="as-small as-dim">{part.message}</div>}
        {part.advice && part.status !== "healthy" && <div className="as-small">→ {part.advice}</div>}
      </div>
      <div className="as-health-side as-small">
        <span style={{ color: looks.color }}>{looks.word}</span>
        {part.since && (
          <span className="as-dim">
            <Ago at={part.since} nowMs={nowMs} />
          </span>
        )}
      </div>
    </li>
  );
}

/** Each component with what it says of itself; the server sends the worst first. */
export function HealthList({ components, nowMs }: { components: readonly Component[]; nowMs: number }) {
  if (components.length === 0) return <Empty title="No component has reported yet">They do within seconds of the start.</Empty>;
  return (
    <ul className="as-health" tabIndex={0} aria-label="Components, the worst first">
      {components.map((part) => (
        <Row key={`${part.kind}/${part.component}`} part={part} nowMs={nowMs} />
      ))}
    </ul>
  );
}
