/** Three of the four states of every screen; the fourth, full, is the screen's own. */

import { Button, Skeleton } from "@mantine/core";
import type { ReactNode } from "react";

import { adviceFor } from "../model/problem";
import { Command } from "./Command";
import { Icon } from "./icons";
import { Time } from "./Time";

/** Where content will be: as many grey lines as it will about fill. */
export function Loading({ lines = 4, what }: { lines?: number; what: string }) {
  return (
    <div role="status" aria-label={`Loading ${what}`} className="as-state-loading">
      {Array.from({ length: lines }, (_, index) => (
        <Skeleton key={index} height={14} mb={10} w={`${92 - ((index * 17) % 40)}%`} />
      ))}
    </div>
  );
}

/** Nothing to show, and what to do so that there is. */
export function Empty({ title, children, code }: { title: string; children?: ReactNode; code?: string }) {
  return (
    <div className="as-state" data-state="empty">
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {code && <Command text={code} what="what to write" />}
    </div>
  );
}

/** What went wrong and the next step. */
export function Failure({ problem, what, onRetry }: { problem: unknown; what: string; onRetry?: () => void }) {
  const text = problem instanceof Error ? problem.message : String(problem);
  return (
    <div className="as-state" role="alert" data-state="error">
      <Icon name="warning" size={28} />
      <h2>{what} cannot be shown</h2>
      <p>{text}</p>
      <p>{adviceFor(problem)}</p>
      {onRetry && (
        <Button variant="light" size="xs" onClick={onRetry} leftSection={<Icon name="refresh" size={14} />}>
          Try again
        </Button>
      )}
    </div>
  );
}

/** Over what is shown although it could not be asked for again: how old it is, and why. */
export function Stale({ problem, atMs }: { problem: unknown; atMs: number }) {
  const text = problem instanceof Error ? problem.message : String(problem);
  return (
    <div className="as-warning" role="status" data-testid="stale">
      As of <Time at={atMs} parts="time" />: {text} Trying again.
    </div>
  );
}
