/** What an earlier answer about an operation had, where a part of the newest one is late or failed. */

import type { AnswerPart, Correlation, Kind, Setback, Stage } from "./correlation";

export type PartName = AnswerPart["name"];

/** An answer with what was kept of earlier ones. */
export interface ShownCorrelation extends Correlation {
  /** When it was answered, Unix milliseconds. */
  readonly answeredMs: number;
  /** Parts that are kept, by when they were answered. */
  readonly asOf: Partial<Record<PartName, number>>;
}

const KINDS_OF: Record<PartName, readonly Kind[]> = { logs: ["log", "audit", "custody", "chain"], traces: ["span"], spends: [], metrics: ["metric"] };
const PARTS = ["logs", "traces", "spends", "metrics"] as const;

/** Parts that are looked for by the ids that the first one names: without it they find less. */
const BUILT_ON: Record<PartName, readonly PartName[]> = { logs: ["traces", "spends", "metrics"], traces: ["metrics"], spends: ["metrics"], metrics: [] };

/** Stages that spans tell, too; the later ones are the blockchain's, which are in the logs. */
const OF_SPANS: readonly Stage["name"][] = ["request", "approval", "signing"];

function missingIn(answer: Correlation): readonly PartName[] {
  return answer.parts.filter((part) => part.state === "late" || part.state === "failed").map((part) => part.name);
}

/** When the part of this answer was true; null where it has none. */
function timeOf(shown: ShownCorrelation, part: PartName): number | null {
  return shown.asOf[part] ?? (missingIn(shown).includes(part) ? null : shown.answeredMs);
}

/** The answer, with its missing parts as the one before had them. */
export function keepParts(before: ShownCorrelation | undefined, answer: Correlation, nowMs: number): ShownCorrelation {
  const missing = missingIn(answer);
  const asOf: Partial<Record<PartName, number>> = {};
  for (const lacking of before ? missing : []) {
    for (const part of [lacking, ...BUILT_ON[lacking]]) {
      const atMs = before && timeOf(before, lacking) !== null ? timeOf(before, part) : null;
      if (atMs !== null) asOf[part] = atMs;
    }
  }
  const shown = { ...answer, answeredMs: nowMs, asOf };
  return before && Object.keys(asOf).length > 0 ? joined(before, shown) : shown;
}

function joined(before: ShownCorrelation, answer: ShownCorrelation): ShownCorrelation {
  const kept = PARTS.filter((part) => answer.asOf[part] !== undefined);
  const kinds = new Set(kept.flatMap((part) => KINDS_OF[part]));
  const told = new Set(answer.alerts.map((alert) => alert.id));
  const entries = [
    ...answer.entries.filter((entry) => !kinds.has(entry.kind)),
    ...before.entries.filter((entry) => kinds.has(entry.kind) || (entry.kind === "alert" && !told.has(entry.alert_id))),
  ];
  return {
    ...answer,
    ...(kept.includes("logs") ? lifeOf(before) : kept.includes("traces") ? lifeWithSpansOf(before, answer) : {}),
    ids: [...new Set([...answer.ids, ...before.ids])],
    entries: entries.sort((a, b) => a.at.localeCompare(b.at)),
    traces: kept.includes("traces") ? before.traces : answer.traces,
    alerts: [...answer.alerts, ...before.alerts.filter((alert) => !told.has(alert.id))],
    spends: kept.includes("spends") ? before.spends : answer.spends,
    figures: kept.includes("metrics") ? before.figures : answer.figures,
  };
}

type Life = Pick<Correlation, "stages" | "setbacks" | "outcome" | "is_under_way">;

function lifeOf({ stages, setbacks, outcome, is_under_way }: Life): Life {
  return { stages, setbacks, outcome, is_under_way };
}

function lifeWithSpansOf(before: Life, answer: Life): Pick<Life, "stages" | "setbacks"> {
  const stages = answer.stages.map((stage) => {
    const isBehind = (stage.state === "waiting" || stage.state === "missing") && OF_SPANS.includes(stage.name);
    return (isBehind && before.stages.find((one) => one.name === stage.name)) || stage;
  });
  const isTold = (one: Setback) => answer.setbacks.some((other) => other.kind === one.kind && other.at === one.at);
  const failed = before.setbacks.filter((one) => one.kind === "failed" && !isTold(one)); // an attempt is a span; the others are the blockchain's
  return { stages, setbacks: [...answer.setbacks, ...failed].sort((a, b) => a.at.localeCompare(b.at)) };
}

/** A part that lacks something: why, and since when what is shown of it is old, with which others. */
export interface PartNote {
  readonly text: string;
  readonly atMs: number | null;
  readonly also: readonly PartName[];
}

/** What is to be said of the parts, in their order. */
export function partNotes(shown: ShownCorrelation): readonly PartNote[] {
  return shown.parts
    .filter((part) => part.state !== "whole")
    .map((part) => {
      const atMs = shown.asOf[part.name] ?? null;
      const also = atMs === null ? [] : BUILT_ON[part.name].filter((other) => shown.asOf[other] !== undefined);
      return { text: `${part.name}: ${part.detail}`, atMs, also };
    });
}
