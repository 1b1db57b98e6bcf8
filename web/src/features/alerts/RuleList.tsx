import { TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { rules } from "../../api/prometheus";
import type { Rule, RuleGroup } from "../../model/prometheus";
import { formatDuration } from "../../model/units";
import { href, useQueryState } from "../../state/location";
import { AlertMark } from "../../ui/AlertMark";
import { Icon } from "../../ui/icons";
import { Link } from "../../ui/Link";
import { Empty, Failure, Loading } from "../../ui/States";
import { Ago } from "../../ui/Time";

const REFRESH_MS = 10_000;

const STATE_COLORS: Record<string, string> = {
  firing: "var(--as-error)",
  pending: "var(--as-warn)",
  inactive: "var(--as-ok)",
};

function RuleRow({ rule, nowMs }: { rule: Rule; nowMs: number }) {
  const severity = rule.labels?.["severity"];
  return (
    <tr>
      <td>
        <strong>{rule.name}</strong>
        <div className="as-row">
          {severity && <AlertMark severity={severity} />}
          {rule.type === "recording" && <span className="as-chip">recording</span>}
        </div>
      </td>
      <td>
        <Link className="as-link as-mono as-break" href={href("metrics", { q: rule.query, from: "-3h" })} title="Open in Metrics">
          {rule.query}
        </Link>
        {rule.lastError && <div className="as-warning as-warning-error">{rule.lastError}</div>}
      </td>
      <td>{rule.durationBlocks ?? (rule.duration ? formatDuration(rule.duration) : "")}</td>
      <td>
        {rule.state && (
          <span style={{ color: STATE_COLORS[rule.state], fontWeight: 600 }}>
            {rule.state}
            {rule.alerts && rule.alerts.length > 0 ? ` (${rule.alerts.length})` : ""}
          </span>
        )}
        {rule.health !== "ok" && <div className="as-small as-dim">{rule.health === "unknown" ? "not evaluated yet" : rule.health}</div>}
      </td>
      <td className="as-dim as-small">
        {rule.lastEvaluation && Date.parse(rule.lastEvaluation) > 0 && <Ago at={Date.parse(rule.lastEvaluation)} nowMs={nowMs} />}
        {rule.evaluationTime !== undefined && <div>took {formatDuration(rule.evaluationTime)}</div>}
      </td>
    </tr>
  );
}

function Group({ group, nowMs }: { group: RuleGroup; nowMs: number }) {
  return (
    <section className="as-card as-card-flush" aria-label={group.name}>
      <h2 className="as-card-title as-group-title">
        {group.name}
        <span className="as-dim as-small">
          every {formatDuration(group.interval)}
          {group.file && `, ${group.file}`}
        </span>
      </h2>
      <div className="as-scroll">
        <table className="as-table as-rules">
          <thead>
            <tr>
              <th>Rule</th>
              <th>Query</th>
              <th>For</th>
              <th>State</th>
              <th>Evaluated</th>
            </tr>
          </thead>
          <tbody>
            {group.rules.map((rule, index) => (
              <RuleRow key={`${rule.name}/${index}`} rule={rule} nowMs={nowMs} />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

/** Groups with those of their rules that hold every word of the filter in name or query. */
function filtered(groups: readonly RuleGroup[], text: string): readonly RuleGroup[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const isWanted = (rule: Rule) => words.every((word) => `${rule.name} ${rule.query} ${rule.state ?? ""}`.toLowerCase().includes(word));
  return groups.map((group) => ({ ...group, rules: group.rules.filter(isWanted) })).filter((group) => group.rules.length > 0);
}

/** Every rule: what it asks, how it stands, and when it was last looked at. */
export function RuleList({ nowMs }: { nowMs: number }) {
  const [query, change] = useQueryState();
  const answer = useQuery({ queryKey: ["rules"], queryFn: ({ signal }) => rules(signal), refetchInterval: REFRESH_MS });
  if (answer.error && !answer.data) return <Failure problem={answer.error} what="Rules" onRetry={() => void answer.refetch()} />;
  if (!answer.data) return <Loading what="rules" lines={10} />;
  const found = filtered(answer.data, query.get("filter") ?? "");
  return (
    <div className="as-stack">
      <TextInput
        maw={420}
        size="xs"
        data-search
        aria-label="Filter rules"
        placeholder="name, metric or state"
        leftSection={<Icon name="search" size={13} />}
        value={query.get("filter") ?? ""}
        onChange={(event) => change({ filter: event.currentTarget.value }, { replace: true })}
      />
      {found.length === 0 && (
        <Empty title={answer.data.length ? "No rule matches" : "No rule is loaded"}>
          {answer.data.length ? "Take away a word." : "Name rule files under rule_files in anyascope.yml, in Prometheus' own format."}
        </Empty>
      )}
      {found.map((group) => (
        <Group key={`${group.file}/${group.name}`} group={group} nowMs={nowMs} />
      ))}
    </div>
  );
}
