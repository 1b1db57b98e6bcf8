/** The address is the view: every screen reads what it shows from here and writes it back, so that a link says it all. */

import { useCallback, useSyncExternalStore } from "react";

const CHANGED = "anyascope:location";

/** Path under which the page lives, such as `/ui/`; the server writes it into `<base>`. */
export function basePath(): string {
  return new URL(document.baseURI).pathname;
}

/** Where we are: the path below the base without slashes at its ends, and the query. */
export interface Place {
  readonly path: string;
  readonly query: URLSearchParams;
}

let seen = "";
let place: Place = { path: "", query: new URLSearchParams() };

function read(): Place {
  const key = window.location.pathname + window.location.search;
  if (key !== seen) {
    seen = key;
    const below = window.location.pathname.slice(basePath().length);
    place = { path: below.replace(/\/+$/, ""), query: new URLSearchParams(window.location.search) };
  }
  return place;
}

function subscribe(listener: () => void): () => void {
  window.addEventListener("popstate", listener);
  window.addEventListener(CHANGED, listener);
  return () => {
    window.removeEventListener("popstate", listener);
    window.removeEventListener(CHANGED, listener);
  };
}

export function useLocation(): Place {
  return useSyncExternalStore(subscribe, read);
}

/** The address of a page: `href("logs", { q: "error" })` → `/ui/logs?q=error`. */
export function href(path: string, query?: Query): string {
  const text = query ? asText(writeQuery(new URLSearchParams(), query)) : "";
  return basePath() + path + (text ? `?${text}` : "");
}

/** Values of a query; null, empty text and an empty list leave the name out. */
export type Query = Readonly<Record<string, string | readonly string[] | null>>;

function writeQuery(target: URLSearchParams, changes: Query): URLSearchParams {
  for (const [name, value] of Object.entries(changes)) {
    target.delete(name);
    const values = typeof value === "string" ? [value] : (value ?? []);
    for (const item of values) {
      if (item !== "" || values.length > 1) target.append(name, item);
    }
  }
  return target;
}

/** Written as people write it: a colon or a comma in a query need no escape. */
function asText(query: URLSearchParams): string {
  return query.toString().replace(/%3A/g, ":").replace(/%2C/g, ",");
}

/** Go to an address of this page; `replace` where going back should skip it. */
export function navigate(to: string, options?: { replace?: boolean }): void {
  if (options?.replace) window.history.replaceState(null, "", to);
  else window.history.pushState(null, "", to);
  window.dispatchEvent(new Event(CHANGED));
}

/** Links in Alertmanager's form, as its templates write them (`/#/alerts?receiver=ops`), lead to our page of that name. */
export function followFragment(): void {
  const found = /^#\/(alerts|silences)(?:\/[^?]*)?(\?.*)?$/.exec(window.location.hash);
  if (found) window.history.replaceState(null, "", `${basePath()}${found[1] ?? ""}${found[2] ?? ""}`);
}

/** The query and a function that changes some of it, keeping the rest. */
export function useQueryState(): [URLSearchParams, (changes: Query, options?: { replace?: boolean }) => void] {
  const { query } = useLocation();
  const change = useCallback((changes: Query, options?: { replace?: boolean }) => {
    const text = asText(writeQuery(new URLSearchParams(window.location.search), changes));
    navigate(window.location.pathname + (text ? `?${text}` : ""), options);
  }, []);
  return [query, change];
}
