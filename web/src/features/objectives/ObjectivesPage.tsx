import "../../charts/charts.css";
import "./objectives.css";

import { useQuery } from "@tanstack/react-query";

import { fetchObjectives } from "../../api/own";
import { byNeed } from "../../model/objectives";
import { useNow } from "../../state/now";
import { AlertNav } from "../../ui/AlertNav";
import { Page } from "../../ui/Page";
import { Empty, Failure, Loading, Stale } from "../../ui/States";
import { ZoneLabel } from "../../ui/Time";
import { ObjectiveCard } from "./ObjectiveCard";

const AGAIN_MS = 15_000; // objectives are judged once a minute
const CLOCK_MS = 10_000;

const EXAMPLE = `# in a file of rule_files
slos:
  - name: withdrawals
    objective: 99.9
    window: 1008 blocks          # or 30d
    total: anya_bitcoin_transactions_total{operation_type="send"}
    bad: anya_bitcoin_transactions_total{operation_type="send", status!="success"}`;

/** What was promised, and how much may still go wrong. */
export default function ObjectivesPage() {
  const now = useNow(CLOCK_MS);
  const answer = useQuery({ queryKey: ["objectives"], queryFn: ({ signal }) => fetchObjectives(signal), refetchInterval: AGAIN_MS });
  const objectives = byNeed(answer.data?.slos ?? []);
  return (
    <Page title="Objectives" controls={<ZoneLabel atMs={now} />}>
      <AlertNav />
      {answer.data && answer.error && <Stale problem={answer.error} atMs={answer.dataUpdatedAt} />}
      {objectives.length > 0 ? (
        <div className="as-objectives">
          {objectives.map((one) => (
            <ObjectiveCard key={`${one.file}/${one.name}`} objective={one} nowMs={now} />
          ))}
        </div>
      ) : (
        <section className="as-card">
          {answer.data ? (
            <Empty title="No objective yet" code={EXAMPLE}>
              An objective says which share of events must be good over a window of days or of blocks. Write one into a rule file and reload: what is
              left of its budget stands here, and it alerts while that burns too fast.
            </Empty>
          ) : answer.error ? (
            <Failure problem={answer.error} what="Objectives" onRetry={() => void answer.refetch()} />
          ) : (
            <Loading what="objectives" lines={8} />
          )}
        </section>
      )}
    </Page>
  );
}
