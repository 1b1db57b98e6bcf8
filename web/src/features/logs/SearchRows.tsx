import { useMemo } from "react";

import type { Filter } from "../../model/logs";
import { href, useQueryState } from "../../state/location";
import { Link } from "../../ui/Link";
import { Empty, Failure, Loading } from "../../ui/States";
import { RowList } from "./RowList";
import { useLogRows, type LogView } from "./useLogSearch";

const SEND_LOGS = `curl -X POST http://127.0.0.1:9470/v1/logs -H 'content-type: application/json' -d '
{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"custody"}}]},
 "scopeLogs":[{"logRecords":[{"severityNumber":9,"body":{"stringValue":"hello"}}]}]}]}'`;

function Nothing({ isFiltered }: { isFiltered: boolean }) {
  if (!isFiltered) {
    return (
      <Empty title="No logs in this range" code={SEND_LOGS}>
        Widen the range, or send some: any OpenTelemetry exporter, pointed at this address, will do.
      </Empty>
    );
  }
  return (
    <Empty title="No row matches">
      Widen the range, take away a filter, or{" "}
      <Link className="as-link" href={href("logs")}>
        start anew
      </Link>
      .
    </Empty>
  );
}

/** What a search finds, page by page while scrolling. */
export function SearchRows({ view, onFilter }: { view: LogView; onFilter: Filter }) {
  const [query] = useQueryState();
  const answer = useLogRows(view.asked, !view.isLive);
  const rows = useMemo(() => answer.data?.pages.flatMap((page) => page.rows) ?? [], [answer.data]);
  if (answer.error && rows.length === 0) {
    return (
      <section className="as-card">
        <Failure problem={answer.error} what="These logs" onRetry={() => void answer.refetch()} />
      </section>
    );
  }
  if (answer.isPending) {
    return (
      <section className="as-card">
        <Loading what="logs" lines={10} />
      </section>
    );
  }
  if (rows.length === 0) {
    return (
      <section className="as-card">
        <Nothing isFiltered={view.asked.query !== ""} />
      </section>
    );
  }
  return (
    <section className="as-card as-card-flush" aria-label="Rows">
      <RowList
        rows={rows}
        opened={query.get("row")}
        onFilter={onFilter}
        onEnd={() => {
          if (answer.hasNextPage && !answer.isFetchingNextPage) void answer.fetchNextPage();
        }}
      />
      <div className="as-log-foot as-small as-dim" role="status">
        {answer.isFetchingNextPage ? "Loading older rows…" : answer.hasNextPage ? `${rows.length} rows, more below` : `${rows.length} rows: that is all`}
      </div>
    </section>
  );
}
