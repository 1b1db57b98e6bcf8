/** What went wrong when the server was asked, and what its reader can do. */

export class ApiProblem extends Error {
  override readonly name = "ApiProblem";

  constructor(
    message: string,
    /** HTTP status; 0 where no answer came. */
    readonly status: number,
    /** Stable code of our own API (`invalid_input`, …) or Prometheus' `errorType`. */
    readonly code: string,
    readonly retryAfterS: number | null = null,
  ) {
    super(message);
  }
}

/** Whether nobody answered, neither the server nor, in its name, a proxy before it: nothing is known of how it is. */
export function isNoAnswer(problem: unknown): problem is ApiProblem {
  return problem instanceof ApiProblem && (problem.status === 0 || problem.status === 502 || problem.status === 504);
}

/** Whether an answer was waited for in vain: one question may be too much for a server that answers all others. */
export function isLate(problem: ApiProblem): boolean {
  return problem.status === 504 || problem.code === "timeout";
}

/** The next step for its reader. */
export function adviceFor(problem: unknown): string {
  if (!(problem instanceof ApiProblem)) return "Reload the page. If it stays, report it with the text above.";
  if (problem.status === 0) return "The server does not answer: check that anyascope runs and that this address reaches it. Trying again.";
  if (problem.status === 401 || problem.status === 403) return "Sign in, or ask for the right to see this.";
  if (problem.status === 404) return "It may be older than the retention, or never have arrived. Check the address.";
  if (problem.status === 429 || problem.status === 503) {
    return problem.retryAfterS ? `The server is busy. Try again in ${problem.retryAfterS} s.` : "The server is busy. Try again in a moment.";
  }
  if (problem.code === "limit_exceeded" || problem.code === "execution") return "Narrow the time range or the query.";
  if (problem.status === 400 || problem.status === 422) return "Mend the query and run it again.";
  return "The server's own log says more: look for its errors under Logs with service:anyascope.";
}

/** Where in the query a parse error stands. */
export interface ErrorPlace {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** Prometheus' `1:5: parse error: …` (also with an end, `1:5-1:8`); null where the message names no place. */
export function errorPlace(message: string): ErrorPlace | null {
  const found = /(?:^|[\s"(])(\d+):(\d+)(?:-\d+:\d+)?:\s*(.*)$/s.exec(message);
  if (found) return { line: Number(found[1]), column: Number(found[2]), message: found[3] ?? "" };
  const words = /(?:at |in )?line (\d+),? col(?:umn)? (\d+):?\s*(.*)$/is.exec(message);
  return words ? { line: Number(words[1]), column: Number(words[2]), message: words[3]?.trim() || message } : null;
}
