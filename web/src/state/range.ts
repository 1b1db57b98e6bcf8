import { useCallback, useMemo } from "react";

import { DEFAULT_RANGE, type Range } from "../model/time";
import { useQueryState } from "./location";

/** The time range in the address, and a function that changes it; a change is a step that "back" undoes. */
export function useRange(fallback: Range = DEFAULT_RANGE): [Range, (range: Range) => void] {
  const [query, change] = useQueryState();
  const from = query.get("from") ?? fallback.from;
  const to = query.get("to") ?? fallback.to;
  const range = useMemo(() => ({ from, to }), [from, to]);
  const setRange = useCallback((next: Range) => change({ from: next.from, to: next.to }), [change]);
  return [range, setRange];
}
