import { Button, NativeSelect, TextInput } from "@mantine/core";
import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { useState } from "react";

import { ALERTS_KEY } from "../../api/events";
import { fetchAlerts } from "../../api/own";
import { writeLabels, type RouteTest } from "../../model/routing";
import { useQueryState } from "../../state/location";
import { PolicyPicture } from "../../ui/PolicyPicture";
import { Problem } from "../../ui/Problem";
import { Loading } from "../../ui/States";

interface Props {
  text: string;
  /** Words that are no labels. */
  wrong: readonly string[];
  /** Where the labels lead; null while nothing is asked. */
  answer: UseQueryResult<RouteTest> | null;
}

function Taken({ test }: { test: RouteTest }) {
  return (
    <ol className="as-taken" data-testid="taken">
      {test.routes.map((route) => {
        const names = Object.entries(route.group_labels);
        return (
          <li key={route.id}>
            <b>{route.receiver}</b>{" "}
            <span className="as-dim">
              {names.length > 0 ? `in the group ${names.map(([name, value]) => `${name}=${value}`).join(", ")}` : "in one group"}
              {route.policy && `; the policy ${route.policy} calls until somebody answers:`}
            </span>
            {route.levels.length > 0 && <PolicyPicture levels={route.levels} />}
          </li>
        );
      })}
    </ol>
  );
}

/** Asks where an alert with some labels would go; nothing is sent. */
export function RouteTester({ text, wrong, answer }: Props) {
  const [, change] = useQueryState();
  const [typed, setTyped] = useState(text);
  const alerts = useQuery({ queryKey: ALERTS_KEY, queryFn: ({ signal }) => fetchAlerts(signal) });
  const known = alerts.data?.alerts ?? [];
  return (
    <section className="as-card" aria-label="Route tester">
      <h2 className="as-card-title">Where would this alert go?</h2>
      <form
        className="as-tester"
        onSubmit={(event) => {
          event.preventDefault();
          change({ labels: typed.trim() });
        }}
      >
        <TextInput
          className="as-grow"
          size="xs"
          data-search
          aria-label="Labels"
          placeholder='alertname=SignerDown severity=critical wallet="cold 1"'
          spellCheck={false}
          value={typed}
          error={wrong.length > 0 ? `no label: ${wrong.join(" ")}` : null}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
        <Button type="submit" size="xs">
          Try
        </Button>
        {known.length > 0 && (
          <NativeSelect
            size="xs"
            aria-label="Labels of an alert"
            value=""
            data={[{ value: "", label: "labels of an alert …" }, ...known.map((alert) => ({ value: alert.id, label: alert.title || alert.name }))]}
            onChange={(event) => {
              const alert = known.find((one) => one.id === event.currentTarget.value);
              if (alert) change({ labels: writeLabels(alert.labels) });
            }}
          />
        )}
      </form>
      {answer?.error ? (
        <Problem problem={answer.error} what="It was not tried." />
      ) : answer?.data ? (
        <Taken test={answer.data} />
      ) : answer ? (
        <Loading what="the answer" lines={1} />
      ) : (
        <p className="as-dim as-small">Type labels, or take those of an alert: the way through the tree lights up. Nothing is sent.</p>
      )}
    </section>
  );
}
