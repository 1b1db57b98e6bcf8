import { NativeSelect, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";

import { ALERTS_KEY } from "../../api/events";
import { fetchAlerts } from "../../api/own";
import { filterAlerts, type Alert } from "../../model/alerts";
import { GROUPINGS, groupAlerts, isChosen, narrow, readChosen, type Grouping } from "../../model/facets";
import { href, navigate, useQueryState } from "../../state/location";
import { Icon } from "../../ui/icons";
import { Link } from "../../ui/Link";
import { Empty, Failure, Loading } from "../../ui/States";
import { ActForm } from "./ActForm";
import { AlertFacets } from "./AlertFacets";
import { AlertGroupList } from "./AlertGroupList";
import { BulkBar } from "./BulkBar";
import { silenceHref } from "./silenceHref";
import { useListKeys } from "./useListKeys";

function Tools() {
  const [query, change] = useQueryState();
  return (
    <div className="as-row">
      <TextInput
        className="as-grow"
        maw={480}
        size="xs"
        data-search
        aria-label="Filter alerts"
        placeholder="name, label=value, component"
        leftSection={<Icon name="search" size={13} />}
        value={query.get("filter") ?? ""}
        onChange={(event) => change({ filter: event.currentTarget.value }, { replace: true })}
      />
      <NativeSelect
        size="xs"
        aria-label="Group by"
        data={GROUPINGS.map((name) => ({ value: name, label: `by ${name}` }))}
        value={groupingOf(query)}
        onChange={(event) => change({ group: event.currentTarget.value === "state" ? null : event.currentTarget.value })}
      />
    </div>
  );
}

function groupingOf(query: URLSearchParams): Grouping {
  return GROUPINGS.find((name) => name === query.get("group")) ?? "state";
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

/** Alerts as the server orders them, narrowed by facets and words, in groups; one or many are acted on. */
export function AlertList({ nowMs }: { nowMs: number }) {
  const [query] = useQueryState();
  const answer = useQuery({ queryKey: ALERTS_KEY, queryFn: ({ signal }) => fetchAlerts(signal) });
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [acknowledging, setAcknowledging] = useState<readonly Alert[]>([]);
  const [said, setSaid] = useState("");
  const all = useMemo(() => answer.data?.alerts ?? [], [answer.data]);
  const chosen = useMemo(() => readChosen(query), [query]);
  const worded = useMemo(() => filterAlerts(all, query.get("filter") ?? ""), [all, query]);
  const found = useMemo(() => narrow(worded, chosen), [worded, chosen]);
  const groups = useMemo(() => groupAlerts(found, groupingOf(query)), [found, query]);
  const picked = found.filter((alert) => selected.has(alert.id));
  const select = (ids: readonly string[]) => {
    const next = new Set(selected);
    const isWhole = ids.every((id) => next.has(id));
    for (const id of ids) if (isWhole) next.delete(id); else next.add(id);
    setSelected(next);
  };
  const targets = (id: string | null) => (picked.length > 0 ? picked : found.filter((alert) => alert.id === id));
  useListKeys(
    {
      select: (id) => id && select([id]),
      acknowledge: (id) => setAcknowledging(targets(id)),
      silence: (id) => targets(id).length > 0 && navigate(silenceHref(targets(id))),
      clear: () => setSelected(new Set()),
    },
    acknowledging.length === 0,
  );
  if (answer.error && !answer.data) return <Failure problem={answer.error} what="Alerts" onRetry={() => void answer.refetch()} />;
  if (!answer.data) return <Loading what="alerts" lines={8} />;
  return (
    <div className="as-stack">
      <Tools />
      <div className="as-alert-columns">
        <AlertFacets alerts={worded} chosen={chosen} />
        <div className="as-alert-groups">
          {found.length === 0 && <NoAlerts isFiltered={all.length > 0 || isChosen(chosen)} />}
          {groups.map((group) => (
            <AlertGroupList key={group.key} group={group} nowMs={nowMs} selected={selected} onSelect={select} onAcknowledge={(alert) => setAcknowledging([alert])} />
          ))}
        </div>
      </div>
      <BulkBar picked={picked} said={said} onAcknowledge={() => setAcknowledging(picked)} onClear={() => setSelected(new Set())} />
      {acknowledging.length > 0 && (
        <ActForm
          action="acknowledge"
          alerts={acknowledging}
          onClose={() => setAcknowledging([])}
          onDone={(outcome) => {
            setAcknowledging([]);
            setSelected(new Set());
            setSaid([`${outcome.done} acknowledged.`, ...new Set(outcome.notices)].join(" "));
          }}
        />
      )}
    </div>
  );
}
