import { errorPlace, ApiProblem } from "../../model/problem";
import { Failure } from "../../ui/States";

/** The line of the query with a mark below the place of the mistake. */
function pointed(query: string, line: number, column: number): string {
  const text = query.split("\n")[line - 1] ?? "";
  return `${text}\n${" ".repeat(Math.max(column - 1, 0))}^`;
}

/** Why a query has no answer: with the place, where the server names it. */
export function QueryFailure({ query, problem, onRetry }: { query: string; problem: unknown; onRetry: () => void }) {
  const place = problem instanceof ApiProblem && problem.status > 0 ? errorPlace(problem.message) : null;
  if (!place) return <Failure problem={problem} what="This query" onRetry={onRetry} />;
  return (
    <div className="as-warning as-warning-error" role="alert" data-state="error">
      <strong>
        Line {place.line}, column {place.column}:
      </strong>{" "}
      {place.message}
      <pre>{pointed(query, place.line, place.column)}</pre>
    </div>
  );
}
