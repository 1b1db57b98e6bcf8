/** Service level objectives: what was promised, what is left of the budget, and how fast it burns. */

import type { Alert } from "./alerts";
import type { Labels } from "./prometheus";

/** A severity's alert: it fires while the budget burns faster than `factor` over both windows. */
export interface Burn {
  readonly severity: string;
  readonly factor: number;
  readonly long_window: string;
  readonly short_window: string;
  readonly long_rate: number | null;
  readonly short_rate: number | null;
}

export interface Budget {
  /** That tell it from the others of the objective; empty where there is one. */
  readonly labels: Labels;
  readonly error_ratio: number | null;
  /** 1 is untouched, 0 used up, negative a missed objective. */
  readonly remaining_ratio: number | null;
  readonly covered_s: number | null;
  readonly burns: readonly Burn[];
}

export interface Objective {
  readonly name: string;
  readonly objective_ratio: number;
  readonly window: string;
  readonly window_s: number;
  readonly window_blocks: number | null;
  readonly total: string;
  readonly bad: string;
  readonly good: string;
  readonly by: readonly string[];
  readonly file: string;
  readonly line: number;
  readonly error: string;
  readonly evaluated_at: string | null;
  readonly budgets: readonly Budget[];
  readonly alerts: readonly Alert[];
}

export interface ObjectiveList {
  readonly slos: readonly Objective[];
}

export type BudgetLevel = "unknown" | "ok" | "low" | "missed";

const LOW = 0.25; // what is left of a budget that three quarters are gone of

export function levelOf(remaining: number | null): BudgetLevel {
  if (remaining === null) return "unknown";
  return remaining < 0 ? "missed" : remaining < LOW ? "low" : "ok";
}

export const LEVEL_WORDS: Record<BudgetLevel, string> = {
  unknown: "nothing is known yet",
  ok: "within the objective",
  low: "little is left",
  missed: "the objective is missed",
};

/** A share as percent, with as many digits as tell it from all and from none: `99.95 %`. */
export function percent(ratio: number | null): string {
  if (ratio === null) return "–";
  const share = ratio * 100;
  const distance = Math.min(Math.abs(share), Math.abs(100 - share));
  const digits = distance === 0 || distance >= 1 ? 2 : Math.min(6, Math.ceil(-Math.log10(distance)) + 1);
  return `${Number(share.toFixed(digits)).toLocaleString("en", { maximumFractionDigits: 6 })} %`;
}

/** How much of a bar is filled, 0 to 1. */
export function fill(remaining: number | null): number {
  return remaining === null ? 0 : Math.min(1, Math.max(0, remaining));
}

/** Whether a burn is above its factor now, over both windows. */
export function isBurning(burn: Burn): boolean {
  return (burn.long_rate ?? 0) > burn.factor && (burn.short_rate ?? 0) > burn.factor;
}

/** The worst first: missed ones, then those of which least is left; unknown ones last. */
export function byNeed(objectives: readonly Objective[]): readonly Objective[] {
  const least = (one: Objective) => Math.min(Infinity, ...one.budgets.map((budget) => budget.remaining_ratio ?? Infinity));
  return [...objectives].sort((a, b) => least(a) - least(b) || a.name.localeCompare(b.name));
}

/** PromQL of one budget over time. */
export function budgetQuery(objective: Pick<Objective, "name">, labels: Labels): string {
  const matchers = Object.entries({ slo: objective.name, ...labels }).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return `anya_slo_error_budget_remaining_ratio{${matchers.join(", ")}}`;
}

/** The last path segment of a rule file, for a line of text. */
export function fileName(path: string): string {
  return path.split("/").at(-1) ?? path;
}
