import { adviceFor } from "../model/problem";

/** Why something that was asked for was not done; beside the form that asked. */
export function Problem({ problem, what }: { problem: unknown; what: string }) {
  const text = problem instanceof Error ? problem.message : String(problem);
  return (
    <div className="as-warning as-warning-error" role="alert">
      <strong>{what}</strong> {text} <span className="as-dim">{adviceFor(problem)}</span>
    </div>
  );
}
