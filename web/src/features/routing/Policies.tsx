import { useQuery } from "@tanstack/react-query";

import { fetchPolicies } from "../../api/own";
import type { Policy } from "../../model/routing";
import { ALERT_SEVERITIES, type AlertSeverity } from "../../model/severity";
import { formatDuration } from "../../model/units";
import { AlertMark } from "../../ui/AlertMark";
import { PolicyPicture } from "../../ui/PolicyPicture";
import { Empty, Failure, Loading } from "../../ui/States";

const CONFIGURE = `# anyascope.yml: the shipped ones …
escalation: {shipped_policies: true}
# … or your own
escalation_policies:
  - name: signing
    severities: [critical]
    levels:
      - {channels: [slack, email], repeat_interval: 5m}
      - {delay: 15m, channels: [phone], repeat_interval: 10m}`;

function Deadlines({ deadlines }: { deadlines: Readonly<Record<AlertSeverity, number>> }) {
  return (
    <section className="as-card" aria-label="Deadlines">
      <h2 className="as-card-title">Until when somebody must have acted</h2>
      <div className="as-row as-deadlines">
        {ALERT_SEVERITIES.map((severity) => (
          <span key={severity} className="as-row">
            <AlertMark severity={severity} /> {deadlines[severity] === 0 ? "at once" : formatDuration(deadlines[severity])}
          </span>
        ))}
      </div>
    </section>
  );
}

function Card({ policy }: { policy: Policy }) {
  return (
    <section className="as-card" aria-label={`Policy ${policy.name}`}>
      <h2 className="as-card-title as-row">
        {policy.name}
        {policy.is_default && <span className="as-small as-dim">acts on</span>}
        {policy.severities.map((severity) => (
          <AlertMark key={severity} severity={severity} />
        ))}
      </h2>
      <PolicyPicture levels={policy.levels} />
      <p className="as-small as-dim">
        Until somebody answers or it is over.{" "}
        {policy.acknowledgement_timeout_s
          ? `An acknowledgement holds for ${formatDuration(policy.acknowledgement_timeout_s)}; then it begins anew.`
          : "An acknowledgement holds until it is taken back."}
        {!policy.is_default && " It acts only where an alert, its rule or its route names it."}
      </p>
    </section>
  );
}

/** The escalation policies as pictures: who is told, after how long, how often. */
export function Policies() {
  const answer = useQuery({ queryKey: ["policies"], queryFn: ({ signal }) => fetchPolicies(signal) });
  if (answer.error && !answer.data) return <Failure problem={answer.error} what="The policies" onRetry={() => void answer.refetch()} />;
  if (!answer.data) return <Loading what="the policies" lines={8} />;
  const { policies, deadlines } = answer.data;
  return (
    <>
      <Deadlines deadlines={deadlines} />
      {policies.length === 0 && (
        <Empty title="No policy acts" code={CONFIGURE}>
          Routes and receivers are left to themselves, as Alertmanager’s are. A policy climbs until somebody answers:
        </Empty>
      )}
      {policies.map((policy) => (
        <Card key={policy.name} policy={policy} />
      ))}
    </>
  );
}
