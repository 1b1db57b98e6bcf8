/** Server-sent events: what the server tells without being asked. */

import { useEffect, useRef, useState } from "react";
import { useQueryClient } from "@tanstack/react-query";

import { encode, serverUrl, type Params } from "./http";

export type Connection = "connecting" | "open" | "lost";

const RETRY_FIRST_MS = 1_000;
const RETRY_LAST_MS = 10_000; // a server that is back is heard again while its reader still looks

/**
 * Listens while mounted and `enabled`; opens again, ever more patiently, after the connection is lost.
 *
 * `handlers` may change between renders without a new connection. Without `whileHidden` nobody listens in a tab that
 * nobody looks at: a browser opens six connections to a server, and each would hold one.
 */
export function useEvents(
  path: string,
  params: Params,
  handlers: Readonly<Record<string, (data: unknown) => void>>,
  { enabled = true, whileHidden = true }: { enabled?: boolean; whileHidden?: boolean } = {},
): Connection {
  const [connection, setConnection] = useState<Connection>("connecting");
  const latest = useRef(handlers);
  useEffect(() => {
    latest.current = handlers;
  });
  const url = serverUrl(`${path}${encode(params) ? `?${encode(params)}` : ""}`);
  const names = Object.keys(handlers).join(",");
  useEffect(() => {
    if (!enabled) return undefined;
    let source: EventSource | null = null;
    let timer = 0;
    let wait = RETRY_FIRST_MS;
    const open = () => {
      source = new EventSource(url);
      source.onopen = () => {
        wait = RETRY_FIRST_MS;
        setConnection("open");
      };
      source.onerror = () => {
        // The browser gives up for good where the answer is not a stream (a proxy's 502): ask again ourselves.
        source?.close();
        setConnection("lost");
        timer = window.setTimeout(open, wait);
        wait = Math.min(wait * 2, RETRY_LAST_MS);
      };
      for (const name of names.split(",")) {
        source.addEventListener(name, (event) => latest.current[name]?.(JSON.parse(String((event as MessageEvent).data))));
      }
    };
    const close = () => {
      window.clearTimeout(timer);
      source?.close();
    };
    const look = () => {
      close();
      if (whileHidden || !document.hidden) open();
    };
    look();
    if (!whileHidden) document.addEventListener("visibilitychange", look);
    return () => {
      document.removeEventListener("visibilitychange", look);
      close();
    };
  }, [url, names, enabled, whileHidden]);
  return connection;
}

export const LOG_TAIL = "/api/anyascope/v1/logs/tail";

export const HEALTH_KEY = ["health"] as const;
export const ALERTS_KEY = ["alerts"] as const;
export const SILENCES_KEY = ["silences"] as const;
export const NODES_KEY = ["bitcoin", "nodes"] as const;
export const WALLETS_KEY = ["bitcoin", "wallets"] as const;
export const TRANSACTIONS_KEY = ["bitcoin", "transactions"] as const;
export const SPENDS_KEY = ["custody", "spends"] as const;
/** One operation, by its id. */
export const CORRELATION_KEY = ["correlation"] as const;
export const HSMS_KEY = ["custody", "hsms"] as const;
/** Records of what a block did to our transactions: asked for again when a block comes. */
export const OWN_BLOCKS_KEY = ["custody", "own-blocks"] as const;

/** Keeps the answers about health, alerts and custody as new as the server's own knowledge. */
export function useLive(): Connection {
  const cache = useQueryClient();
  return useEvents(
    "/api/anyascope/v1/live",
    {},
    {
      health: (data) => cache.setQueryData(HEALTH_KEY, data),
      alerts: (data) => cache.setQueryData(ALERTS_KEY, data),
      bitcoin_nodes: (data) => cache.setQueryData(NODES_KEY, data),
      bitcoin_wallets: (data) => cache.setQueryData(WALLETS_KEY, data),
      bitcoin_transactions: (data) => cache.setQueryData(TRANSACTIONS_KEY, data),
      // Something happened: what is not told here is asked for again where it is looked at.
      events: () => {
        for (const queryKey of [SPENDS_KEY, OWN_BLOCKS_KEY, HSMS_KEY, CORRELATION_KEY]) void cache.invalidateQueries({ queryKey });
      },
    },
    { whileHidden: false },
  );
}
