import { useMemo } from "react";

import { parseMatcher, usable, writeMatcher, type Matcher } from "../../model/silences";
import { useQueryState } from "../../state/location";

const DEFAULT_LENGTH = "2h";

/** The silence that is being written, as far as it stands in the address: a colleague can be sent it before it is made. */
export interface Draft {
  readonly matchers: readonly Matcher[];
  readonly length: string;
  /** When it begins, as typed in the shown zone; empty for now. */
  readonly start: string;
  readonly comment: string;
}

export function useDraft(): [Draft, (changes: Partial<Draft>) => void] {
  const [query, change] = useQueryState();
  const key = JSON.stringify(query.getAll("m"));
  const matchers = useMemo(() => (JSON.parse(key) as string[]).map(parseMatcher).filter((matcher) => matcher !== null), [key]);
  const draft = { matchers, length: query.get("for") ?? DEFAULT_LENGTH, start: query.get("start") ?? "", comment: query.get("comment") ?? "" };
  const set = (changes: Partial<Draft>) =>
    change(
      {
        ...(changes.matchers ? { m: usable(changes.matchers).map(writeMatcher) } : {}),
        ...(changes.length !== undefined ? { for: changes.length } : {}),
        ...(changes.start !== undefined ? { start: changes.start } : {}),
        ...(changes.comment !== undefined ? { comment: changes.comment } : {}),
      },
      { replace: true },
    );
  return [draft, set];
}
