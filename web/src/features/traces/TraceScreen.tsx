import { useQuery } from "@tanstack/react-query";

import { fetchTrace } from "../../api/own";
import { ApiProblem } from "../../model/problem";
import { href } from "../../state/location";
import { Link } from "../../ui/Link";
import { Page } from "../../ui/Page";
import { Empty, Failure, Loading } from "../../ui/States";
import { TraceView } from "./TraceView";

/** One trace, or why it is not here. */
export function TraceScreen({ traceId }: { traceId: string }) {
  const answer = useQuery({ queryKey: ["trace", traceId], queryFn: ({ signal }) => fetchTrace(traceId, signal), staleTime: 30_000 });
  if (answer.data && answer.data.spans.length > 0) return <TraceView trace={answer.data} />;
  const isAbsent = answer.error instanceof ApiProblem && answer.error.status === 404;
  return (
    <Page title="Trace">
      <section className="as-card">
        {isAbsent || answer.data ? (
          <Empty title="There is no such trace">
            <span className="as-mono">{traceId}</span> has not arrived yet, was not sampled, or is older than the retention.{" "}
            <Link className="as-link" href={href("traces")}>
              Search traces
            </Link>
          </Empty>
        ) : answer.error ? (
          <Failure problem={answer.error} what="This trace" onRetry={() => void answer.refetch()} />
        ) : (
          <Loading what="the trace" lines={12} />
        )}
      </section>
    </Page>
  );
}
