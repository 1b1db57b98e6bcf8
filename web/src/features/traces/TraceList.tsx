import { nameColor } from "../../charts/palette";
import { useIsDark } from "../../charts/scheme";
import type { TraceSummary } from "../../model/traces";
import { formatDuration } from "../../model/units";
import { href } from "../../state/location";
import { useNow } from "../../state/now";
import { Link } from "../../ui/Link";
import { Ago } from "../../ui/Time";

const SERVICES_SHOWN_MAX = 6;

function Item({ trace, longestNs, nowMs }: { trace: TraceSummary; longestNs: number; nowMs: number }) {
  const isDark = useIsDark();
  return (
    <li>
      <Link className="as-trace-item" href={href(`traces/${trace.trace_id}`)} data-testid="trace">
        <span className="as-trace-name as-clip">
          <i className="as-swatch" style={{ background: nameColor(trace.root_service, isDark) }} />
          <span>{trace.root_service || "(root is missing)"}</span>
          <strong className="as-clip">{trace.root_name}</strong>
        </span>
        <span className="as-trace-length">
          <i style={{ width: `${Math.max((trace.duration_ns / longestNs) * 100, 0.5)}%` }} data-error={trace.errors > 0} />
          <span>{formatDuration(trace.duration_ns / 1e9)}</span>
        </span>
        <span className="as-trace-parts">
          {trace.errors > 0 && (
            <span className="as-chip as-chip-error">
              {trace.errors} {trace.errors === 1 ? "error" : "errors"}
            </span>
          )}
          <span className="as-chip">
            {trace.spans} {trace.spans === 1 ? "span" : "spans"}
          </span>
          {trace.services.slice(0, SERVICES_SHOWN_MAX).map((service) => (
            <span key={service.name} className="as-chip">
              <i className="as-swatch" style={{ background: nameColor(service.name, isDark) }} />
              {service.name} <b>{service.spans}</b>
            </span>
          ))}
          {trace.services.length > SERVICES_SHOWN_MAX && <span className="as-dim">+{trace.services.length - SERVICES_SHOWN_MAX}</span>}
        </span>
        <span className="as-dim as-small as-trace-age">
          <Ago at={trace.start} nowMs={nowMs} />
        </span>
      </Link>
    </li>
  );
}

/** Traces, each with its length beside the longest. */
export function TraceList({ traces }: { traces: readonly TraceSummary[] }) {
  const now = useNow(10_000);
  const longest = Math.max(...traces.map((trace) => trace.duration_ns), 1);
  return (
    <ul className="as-traces">
      {traces.map((trace) => (
        <Item key={trace.trace_id} trace={trace} longestNs={longest} nowMs={now} />
      ))}
    </ul>
  );
}
