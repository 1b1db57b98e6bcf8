import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { ApiProblem } from "../../model/problem";
import { Failure, Loading, Stale } from "../../ui/States";

interface Props<T> {
  title: string;
  /** Beside the title: what it is about, or where there is more. */
  aside?: ReactNode;
  /** What is asked, in a word. */
  what: string;
  answer: UseQueryResult<T>;
  isEmpty: (data: T) => boolean;
  empty: ReactNode;
  children: (data: T) => ReactNode;
}

/** One part of the page with its four states: what an older server does not have is empty too. */
export function Part<T>({ title, aside, what, answer, isEmpty, empty, children }: Props<T>) {
  const isAbsent = answer.error instanceof ApiProblem && answer.error.status === 404;
  return (
    <section className="as-card" aria-label={title}>
      <h2 className="as-card-title">
        {title}
        {aside}
      </h2>
      {answer.data !== undefined && answer.error && !isAbsent && <Stale problem={answer.error} atMs={answer.dataUpdatedAt} />}
      {answer.data !== undefined ? (
        isEmpty(answer.data) ? (
          empty
        ) : (
          children(answer.data)
        )
      ) : isAbsent ? (
        empty
      ) : answer.error ? (
        <Failure problem={answer.error} what={title} onRetry={() => void answer.refetch()} />
      ) : (
        <Loading what={what} />
      )}
    </section>
  );
}
