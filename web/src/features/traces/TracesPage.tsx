import "../../charts/charts.css";
import "./traces.css";

import { TraceScreen } from "./TraceScreen";
import { TraceSearch } from "./TraceSearch";

/** Without an id the search, with one the trace. */
export default function TracesPage({ rest }: { rest: string }) {
  return rest ? <TraceScreen key={rest} traceId={rest} /> : <TraceSearch />;
}
