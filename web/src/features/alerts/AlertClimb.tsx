import { useQuery } from "@tanstack/react-query";

import { fetchPolicies } from "../../api/own";
import type { Alert } from "../../model/alerts";
import { climbOf } from "../../model/deadline";
import { href } from "../../state/location";
import { Link } from "../../ui/Link";
import { PolicyPicture } from "../../ui/PolicyPicture";
import { Empty, Failure, Loading } from "../../ui/States";

/** The alert's escalation policy as a picture, and how far it has climbed. */
export function AlertClimb({ alert, policy, beganMs, nowMs }: { alert: Alert; policy: string; beganMs: number | null; nowMs: number }) {
  const answer = useQuery({ queryKey: ["policies"], queryFn: ({ signal }) => fetchPolicies(signal), staleTime: 60_000 });
  const found = answer.data?.policies.find((one) => one.name === policy);
  const isClimbing = alert.state === "firing" && alert.escalation !== null && !alert.escalation.is_stopped;
  const climb = climbOf(alert, nowMs);
  return (
    <section className="as-card" aria-label="Escalation">
      <h2 className="as-card-title">
        Escalation: {policy}
        <Link className="as-link as-small as-end" href={href("routing", { view: "policies" })}>
          All policies
        </Link>
      </h2>
      {climb && <p className="as-small as-policy-state">{climb}</p>}
      {found ? (
        <PolicyPicture levels={found.levels} told={alert.escalation?.level ?? -1} nowS={isClimbing && beganMs !== null ? (nowMs - beganMs) / 1000 : null} />
      ) : answer.error ? (
        <Failure problem={answer.error} what="The policy" onRetry={() => void answer.refetch()} />
      ) : answer.data ? (
        <Empty title="This policy is gone">It is not in the configuration any more.</Empty>
      ) : (
        <Loading what="the policy" lines={3} />
      )}
    </section>
  );
}
