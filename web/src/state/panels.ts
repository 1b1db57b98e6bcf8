import { useMemo } from "react";

import { useQueryState } from "./location";

export const PANELS_MAX = 20; // as many charts as a browser draws at ease

/** Queries of the page Metrics, in the address as one `q` each; at least one, which may be empty. */
export function usePanels(): {
  queries: readonly string[];
  setQuery: (index: number, query: string) => void;
  add: () => void;
  remove: (index: number) => void;
} {
  const [query, change] = useQueryState();
  const key = JSON.stringify(query.getAll("q"));
  return useMemo(() => {
    const given = (JSON.parse(key) as string[]).slice(0, PANELS_MAX);
    const queries = given.length ? given : [""];
    return {
      queries,
      setQuery: (index, text) => change({ q: queries.map((old, at) => (at === index ? text : old)) }),
      add: () => change({ q: [...queries, ""].slice(0, PANELS_MAX) }),
      remove: (index) => change({ q: queries.filter((_, at) => at !== index) }),
    };
  }, [key, change]);
}
