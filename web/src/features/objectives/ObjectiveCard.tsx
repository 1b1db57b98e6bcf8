import type { Alert } from "../../model/alerts";
import { fileName, percent, type Objective } from "../../model/objectives";
import { href } from "../../state/location";
import { AlertMark } from "../../ui/AlertMark";
import { Command } from "../../ui/Command";
import { Link } from "../../ui/Link";
import { Ago } from "../../ui/Time";
import { BudgetView } from "./BudgetView";

function Alerts({ alerts, nowMs }: { alerts: readonly Alert[]; nowMs: number }) {
  if (alerts.length === 0) return <span className="as-dim as-small">No burn alerts.</span>;
  return (
    <ul className="as-objective-alerts" aria-label="Its alerts">
      {alerts.map((alert) => (
        <li key={alert.id} className="as-row as-small">
          <AlertMark severity={alert.severity} />
          <Link className="as-link" href={href(`alerts/${alert.id}`)}>
            {alert.title || alert.name}
          </Link>
          <span className="as-dim">
            {alert.state} · <Ago at={alert.starts_at} nowMs={nowMs} />
          </span>
        </li>
      ))}
    </ul>
  );
}

function Definition({ objective }: { objective: Objective }) {
  const part = objective.bad ? `bad: ${objective.bad}` : `good: ${objective.good}`;
  return (
    <details className="as-objective-definition">
      <summary>
        {fileName(objective.file)}, line {objective.line}
      </summary>
      <div className="as-small as-dim as-break">{objective.file}</div>
      <Command what="the definition" text={`total: ${objective.total}\n${part}${objective.by.length > 0 ? `\nby: [${objective.by.join(", ")}]` : ""}`} />
    </details>
  );
}

/** One objective: what was promised, each of its budgets, its alerts, and where it is written. */
export function ObjectiveCard({ objective, nowMs }: { objective: Objective; nowMs: number }) {
  const isPartial = objective.window_blocks !== null && !objective.window.startsWith(String(Math.round(objective.window_blocks)));
  return (
    <article className="as-card" aria-label={`Objective ${objective.name}`} data-testid="objective">
      <header className="as-row as-objective-head">
        <h2 className="as-card-title">{objective.name}</h2>
        <span>
          <strong>{percent(objective.objective_ratio)}</strong> good over {objective.window}
          {isPartial && <span className="as-dim"> ({Math.round(objective.window_blocks ?? 0).toLocaleString("en")} of them are known)</span>}
        </span>
        <span className="as-end as-small as-dim">
          {objective.evaluated_at ? (
            <>
              judged <Ago at={objective.evaluated_at} nowMs={nowMs} />
            </>
          ) : (
            "not judged yet"
          )}
        </span>
      </header>
      {objective.error && (
        <div className="as-warning as-warning-error as-break" role="alert">
          It cannot be judged: {objective.error}
        </div>
      )}
      {objective.budgets.length === 0 && !objective.error && (
        <p className="as-dim">
          No events yet: its selector <code className="as-break">{objective.total}</code> has no samples, or too few.
        </p>
      )}
      {objective.budgets.map((budget) => (
        <BudgetView key={JSON.stringify(budget.labels)} objective={objective} budget={budget} nowMs={nowMs} />
      ))}
      <footer className="as-objective-foot">
        <Alerts alerts={objective.alerts} nowMs={nowMs} />
        <div className="as-row as-small">
          <Link className="as-link" href={href("runbooks/ErrorBudgetBurn")}>
            Runbook
          </Link>
          <Definition objective={objective} />
        </div>
      </footer>
    </article>
  );
}
