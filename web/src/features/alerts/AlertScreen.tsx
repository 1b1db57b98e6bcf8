import "../../charts/charts.css";

import { useQuery } from "@tanstack/react-query";

import { ALERTS_KEY } from "../../api/events";
import { fetchAlert, fetchAlerts } from "../../api/own";
import { ApiProblem } from "../../model/problem";
import { href } from "../../state/location";
import { AlertNav } from "../../ui/AlertNav";
import { Link } from "../../ui/Link";
import { Page } from "../../ui/Page";
import { Empty, Failure, Loading } from "../../ui/States";
import { AlertView } from "./AlertView";

const REFRESH_MS = 5_000; // what others do about it is seen within a breath

/** One alert, or why it is not here. */
export function AlertScreen({ id }: { id: string }) {
  const answer = useQuery({ queryKey: ["alert", id], queryFn: ({ signal }) => fetchAlert(id, signal), refetchInterval: REFRESH_MS });
  const isAbsent = answer.error instanceof ApiProblem && answer.error.status === 404;
  // An alert that waits for its time is the rule's alone and has no story yet.
  const all = useQuery({ queryKey: ALERTS_KEY, queryFn: ({ signal }) => fetchAlerts(signal), enabled: isAbsent });
  const pending = all.data?.alerts.find((alert) => alert.id === id);
  if (isAbsent && pending) return <AlertView story={{ alert: pending, timeline: [] }} />;
  if (answer.data && !isAbsent) return <AlertView story={answer.data} />;
  return (
    <Page title="Alert">
      <AlertNav />
      <section className="as-card">
        {isAbsent && !all.isLoading ? (
          <Empty title="There is no such alert">
            <span className="as-mono">{id}</span> never fired here, or it was resolved so long ago that it is forgotten.{" "}
            <Link className="as-link" href={href("alerts", { tab: "history" })}>
              See who was told of what
            </Link>
          </Empty>
        ) : answer.error && !isAbsent ? (
          <Failure problem={answer.error} what="This alert" onRetry={() => void answer.refetch()} />
        ) : (
          <Loading what="the alert" lines={12} />
        )}
      </section>
    </Page>
  );
}
