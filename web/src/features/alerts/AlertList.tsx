import { TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { ALERTS_KEY } from "../../api/events";
import { fetchAlerts } from "../../api/own";
import { countStates, filterAlerts, type Alert } from "../../model/alerts";
import { href, useQueryState } from "../../state/location";
import { Icon } from "../../ui/icons";
import { Link } from "../../ui/Link";
import { Empty, Failure, Loading } from "../../ui/States";
import { AlertCard } from "./AlertCard";

const STATES: readonly Alert["state"][] = ["firing", "pending", "resolved"];

function Filters({ alerts }: { alerts: readonly Alert[] }) {
  const [query, change] = useQueryState();
  const counts = countStates(alerts);
  const chosen = query.get("state");
  return (
    <div className="as-row">
      <TextInput
        className="as-grow"
        maw={420}
        size="xs"
        data-search
        aria-label="Filter alerts"
        placeholder="name, label=value, source"
        leftSection={<Icon name="search" size={13} />}
        value={query.get("filter") ?? ""}
        onChange={(event) => change({ filter: event.currentTarget.value }, { replace: true })}
      />
      <div className="as-row" role="group" aria-label="States">
        {STATES.map((state) => (
          <button
            key={state}
            type="button"
            className="as-chip"
            aria-pressed={chosen === state}
            onClick={() => change({ state: chosen === state ? null : state })}
          >
            {state} <b>{counts[state]}</b>
          </button>
        ))}
      </div>
    </div>
  );
}

function NoAlerts({ isFiltered }: { isFiltered: boolean }) {
  if (isFiltered) return <Empty title="No alert matches">Take away a filter.</Empty>;
  return (
    <Empty title="All is quiet">
      No alert fires, waits or was resolved lately.{" "}
      <Link className="as-link" href={href("alerts", { tab: "rules" })}>
        See the rules that watch
      </Link>
      , or add your own: Prometheus rule files under rule_files in anyascope.yml.
    </Empty>
  );
}

/** Alerts by state and severity, as the server orders them. */
export function AlertList({ nowMs }: { nowMs: number }) {
  const [query, change] = useQueryState();
  const answer = useQuery({ queryKey: ALERTS_KEY, queryFn: ({ signal }) => fetchAlerts(signal) });
  if (answer.error && !answer.data) return <Failure problem={answer.error} what="Alerts" onRetry={() => void answer.refetch()} />;
  if (!answer.data) return <Loading what="alerts" lines={8} />;
  const wanted = query.get("state");
  const all = answer.data.alerts;
  const found = filterAlerts(all, query.get("filter") ?? "").filter((alert) => !wanted || alert.state === wanted);
  const opened = query.get("id");
  return (
    <div className="as-alerts">
      <Filters alerts={all} />
      {found.length === 0 && <NoAlerts isFiltered={all.length > 0} />}
      {STATES.map((state) => {
        const members = found.filter((alert) => alert.state === state);
        if (members.length === 0) return null;
        return (
          <section key={state} aria-label={state}>
            <h2 className="as-alerts-state">
              {state} <span className="as-dim">{members.length}</span>
            </h2>
            <ul className="as-alert-list">
              {members.map((alert) => (
                <AlertCard
                  key={alert.id}
                  alert={alert}
                  nowMs={nowMs}
                  isOpen={alert.id === opened}
                  onToggle={() => change({ id: alert.id === opened ? null : alert.id }, { replace: true })}
                />
              ))}
            </ul>
          </section>
        );
      })}
    </div>
  );
}
