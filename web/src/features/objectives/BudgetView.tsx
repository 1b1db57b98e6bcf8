import { useQuery } from "@tanstack/react-query";

import { queryRange } from "../../api/prometheus";
import { Sparkline } from "../../charts/Sparkline";
import { budgetQuery, fill, isBurning, levelOf, LEVEL_WORDS, percent, type Budget, type BudgetLevel, type Objective } from "../../model/objectives";
import { formatDuration } from "../../model/units";
import { href } from "../../state/location";
import { AlertMark } from "../../ui/AlertMark";
import { Link } from "../../ui/Link";

const POINTS = 120; // of the graph: it is a few hundred pixels wide
const STEP_S_MIN = 60; // budgets are recorded once a minute
const GRAPH_MS = 60_000;
const COLORS: Record<BudgetLevel, string> = { unknown: "var(--as-dim)", ok: "var(--as-ok)", low: "var(--as-warn)", missed: "var(--as-error)" };

function Bar({ budget }: { budget: Budget }) {
  const level = levelOf(budget.remaining_ratio);
  const text = budget.remaining_ratio === null ? LEVEL_WORDS.unknown : `${percent(budget.remaining_ratio)} of the budget left, ${LEVEL_WORDS[level]}`;
  return (
    <div className="as-budget-bar">
      <div
        role="meter"
        aria-label="Error budget left"
        aria-valuemin={0}
        aria-valuemax={1}
        aria-valuenow={fill(budget.remaining_ratio)}
        aria-valuetext={text}
        className="as-budget-track"
        data-level={level}
      >
        <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
          <rect width={100 * fill(budget.remaining_ratio)} height="8" fill={COLORS[level]} />
        </svg>
      </div>
      <span className="as-small" style={{ color: COLORS[level] }} data-testid="budget-left">
        {text}
      </span>
    </div>
  );
}

function Graph({ objective, budget, nowMs }: { objective: Objective; budget: Budget; nowMs: number }) {
  const query = budgetQuery(objective, budget.labels);
  const stepS = Math.max(STEP_S_MIN, Math.ceil(objective.window_s / POINTS / STEP_S_MIN) * STEP_S_MIN);
  const endS = Math.floor(nowMs / GRAPH_MS) * (GRAPH_MS / 1000);
  const answer = useQuery({
    queryKey: ["budget", query, endS, stepS],
    queryFn: ({ signal }) => queryRange(query, { startS: endS - objective.window_s, endS, stepS }, signal),
    placeholderData: (former) => former,
    gcTime: GRAPH_MS,
  });
  const found = answer.data;
  const samples = new Map((found?.series[0]?.values ?? []).map(([at, value]) => [at, Number(value)]));
  const values = found ? Array.from({ length: Math.round((found.endS - found.startS) / found.stepS) + 1 }, (_, index) => samples.get(found.startS + index * found.stepS) ?? null) : [];
  const least = Math.min(0, ...values.filter((value) => value !== null));
  return (
    <figure className="as-budget-graph">
      <Sparkline values={values} color={COLORS[levelOf(budget.remaining_ratio)]} label={`Budget left over ${objective.window}`} least={least} most={1} />
      <figcaption className="as-small as-dim as-row">
        <span>{answer.error && !found ? answer.error.message : `over ${objective.window}`}</span>
        <Link className="as-link as-end" href={href("metrics", { q: query, from: `-${Math.ceil(objective.window_s / 3600)}h` })}>
          Open in Metrics
        </Link>
      </figcaption>
    </figure>
  );
}

function rate(value: number | null): string {
  return value === null ? "–" : `${value.toLocaleString("en", { maximumSignificantDigits: 3 })}×`;
}

function Burns({ budget }: { budget: Budget }) {
  if (budget.burns.length === 0) return null;
  return (
    <table className="as-burns">
      <caption className="as-small as-dim">How fast it burns; at 1× it lasts exactly for the window</caption>
      <thead>
        <tr>
          <th scope="col">Alert</th>
          <th scope="col">above</th>
          <th scope="col">over</th>
          <th scope="col">and over</th>
        </tr>
      </thead>
      <tbody>
        {budget.burns.map((burn) => (
          <tr key={burn.severity} data-burning={isBurning(burn)}>
            <th scope="row">
              <AlertMark severity={burn.severity} />
            </th>
            <td>{rate(burn.factor)}</td>
            <td>
              {burn.long_window} <strong>{rate(burn.long_rate)}</strong>
            </td>
            <td>
              {burn.short_window} <strong>{rate(burn.short_rate)}</strong>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** One budget: what is left as a bar, how it went over the window, and how fast it burns. */
export function BudgetView({ objective, budget, nowMs }: { objective: Objective; budget: Budget; nowMs: number }) {
  const names = Object.entries(budget.labels);
  const isYoung = budget.covered_s !== null && budget.covered_s < objective.window_s * 0.95;
  return (
    <section className="as-budget" aria-label={names.length > 0 ? `Budget of ${names.map(([, value]) => value).join(", ")}` : "Budget"}>
      {names.length > 0 && (
        <div className="as-row">
          {names.map(([name, value]) => (
            <span key={name} className="as-chip">
              {name}={value}
            </span>
          ))}
        </div>
      )}
      <div className="as-budget-parts">
        <div className="as-stack">
          <Bar budget={budget} />
          <span className="as-small">
            {percent(budget.error_ratio === null ? null : 1 - budget.error_ratio)} good, {percent(budget.error_ratio)} bad
            {isYoung && <span className="as-dim">, known of {formatDuration(budget.covered_s ?? 0)} of the window</span>}
          </span>
          <Graph objective={objective} budget={budget} nowMs={nowMs} />
        </div>
        <Burns budget={budget} />
      </div>
    </section>
  );
}
