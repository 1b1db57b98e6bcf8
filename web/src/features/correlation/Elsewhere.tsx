import type { Correlation } from "../../model/correlation";
import { formatDuration } from "../../model/units";
import { href } from "../../state/location";
import { Link } from "../../ui/Link";

/** The traces of an operation, and the series that name its transaction now. */
export function Elsewhere({ traces, figures }: Pick<Correlation, "traces" | "figures">) {
  if (traces.length === 0 && figures.length === 0) return null;
  return (
    <div className="as-row as-small as-elsewhere">
      {traces.map((trace) => (
        <Link key={trace.trace_id} className="as-link" href={href(`traces/${trace.trace_id}`)}>
          Trace {trace.root_service} {trace.root_name} ({trace.spans} spans, {formatDuration(trace.duration_ns / 1e9)})
        </Link>
      ))}
      {figures.map(({ labels, value }) => {
        const { __name__: name = "", txid = "" } = labels;
        return (
          <Link key={JSON.stringify(labels)} className="as-link as-break" href={href("metrics", { q: `${name}{txid="${txid}"}`, from: "-6h" })} title={JSON.stringify(labels)}>
            {name} = {value.toLocaleString("en")}
          </Link>
        );
      })}
    </div>
  );
}
