/** What this browser remembers: the zone, the queries typed before. Lost storage costs comfort, never function. */

import { useCallback, useSyncExternalStore } from "react";

import type { Zone } from "../model/time";

const PREFIX = "anyascope.";
const listeners = new Set<() => void>();
const cache = new Map<string, { text: string | null; value: unknown }>();

function load(name: string): string | null {
  try {
    return window.localStorage.getItem(PREFIX + name);
  } catch {
    return null; // a browser that forbids storage
  }
}

function parse(name: string, fallback: unknown): unknown {
  const text = load(name);
  const known = cache.get(name);
  if (known?.text === text && known.value !== undefined) return known.value;
  let value = fallback;
  try {
    if (text !== null) value = JSON.parse(text) as unknown;
  } catch {
    value = fallback; // written by somebody else
  }
  cache.set(name, { text, value });
  return value;
}

function save(name: string, value: unknown): void {
  const text = JSON.stringify(value);
  cache.set(name, { text, value });
  try {
    window.localStorage.setItem(PREFIX + name, text);
  } catch {
    // Full or forbidden: the value holds until the page is left.
  }
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener("storage", listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("storage", listener);
  };
}

function useStored<T>(name: string, fallback: T): [T, (value: T) => void] {
  const value = useSyncExternalStore(subscribe, () => parse(name, fallback) as T);
  const set = useCallback((next: T) => save(name, next), [name]);
  return [value, set];
}

export function useZone(): [Zone, (zone: Zone) => void] {
  const [zone, setZone] = useStored<Zone>("zone", "local");
  return [zone === "utc" ? "utc" : "local", setZone];
}

/** Who sits here: asked for once, written beside everything that they do. */
export function useAuthor(): [string, (name: string) => void] {
  const [name, setName] = useStored<unknown>("author", "");
  return [typeof name === "string" ? name : "", setName];
}

const HISTORY_ENTRIES_MAX = 50; // more than fits a menu helps nobody
const NOTHING: readonly string[] = [];

/** Queries typed before, the newest first and each once; and a function that adds one. */
export function useHistory(kind: string): [readonly string[], (query: string) => void] {
  const name = `history.${kind}`;
  const [entries] = useStored<readonly string[]>(name, NOTHING);
  const known = Array.isArray(entries) ? entries : NOTHING;
  const add = useCallback(
    (query: string) => {
      const clean = query.trim();
      const before = parse(name, NOTHING);
      const old = Array.isArray(before) ? (before as string[]) : [];
      if (clean && old[0] !== clean) save(name, [clean, ...old.filter((other) => other !== clean)].slice(0, HISTORY_ENTRIES_MAX));
    },
    [name],
  );
  return [known, add];
}
