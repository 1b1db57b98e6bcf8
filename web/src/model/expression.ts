/** A rule's expression taken apart, so that its graph shows the value and the bound, not only the time above it. */

import type { Labels, RangeSeries } from "./prometheus";

export interface Judged {
  /** What is compared. */
  readonly query: string;
  /** The comparison and its constant; null where the expression is no such comparison. */
  readonly bound: { readonly operator: string; readonly value: number } | null;
}

const OPENING = "({[";
const CLOSING = ")}]";
const COMPARISONS = ["==", "!=", ">=", "<=", ">", "<"];
const SET_OPERATORS = /^(and|or|unless)\b/i;

/** Where the last comparison outside of brackets and quotes stands; null where none does, or where sets are joined there. */
function lastComparison(text: string): { start: number; end: number } | null {
  let depth = 0;
  let quote = "";
  let found: { start: number; end: number } | null = null;
  for (let index = 0; index < text.length; index += 1) {
    const char = text[index] ?? "";
    if (quote) {
      if (char === "\\" && quote !== "`") index += 1;
      else if (char === quote) quote = "";
    } else if (`"'\``.includes(char)) quote = char;
    else if (OPENING.includes(char)) depth += 1;
    else if (CLOSING.includes(char)) depth -= 1;
    else if (depth === 0) {
      if (/\s/.test(text[index - 1] ?? " ") && SET_OPERATORS.test(text.slice(index))) return null;
      const operator = COMPARISONS.find((one) => text.startsWith(one, index));
      if (operator) {
        found = { start: index, end: index + operator.length };
        index += operator.length - 1;
      }
    }
  }
  return found;
}

/** `rate(x[5m]) > 0.5` → the rate, and the bound 0.5; any other expression as it is. */
export function judgedOf(expression: string): Judged {
  const whole = { query: expression.trim(), bound: null };
  const place = lastComparison(expression);
  if (!place) return whole;
  const query = expression.slice(0, place.start).trim();
  const right = expression.slice(place.end).trim();
  if (query === "" || !/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(right)) return whole;
  return { query, bound: { operator: expression.slice(place.start, place.end), value: Number(right) } };
}

/** Those series that an alert speaks of: whose labels are all on it. All of them where none is. */
export function seriesOf(series: readonly RangeSeries[], alert: Labels): readonly RangeSeries[] {
  const own = series.filter(({ metric }) => Object.entries(metric).every(([name, value]) => name === "__name__" || alert[name] === value));
  return own.length > 0 ? own : series;
}
