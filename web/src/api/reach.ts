/** Whether the server answers at all, by everything that is asked of it. */

import { useQueryClient, type QueryCacheNotifyEvent } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";

import { isLate, isNoAnswer } from "../model/problem";
import { TIMEOUT_MS } from "./http";

/** Unix milliseconds of the last answer, once a question got none; null again with the next answer. What failed meanwhile is asked again then. */
export function useReach(): number | null {
  const client = useQueryClient();
  const heardMs = useRef(0);
  const [silentMs, setSilentMs] = useState<number | null>(null);
  useEffect(() => {
    heardMs.current = Date.now(); // the page itself was an answer
    const hear = (event: QueryCacheNotifyEvent) => {
      if (event.type !== "updated") return;
      const { action } = event;
      if (action.type === "success") {
        heardMs.current = Date.now();
        setSilentMs(null);
      } else if ((action.type === "failed" || action.type === "error") && isNoAnswer(action.error)) {
        const isAlone = isLate(action.error) && Date.now() - heardMs.current < TIMEOUT_MS;
        if (!isAlone) setSilentMs((before) => before ?? heardMs.current);
      }
    };
    return client.getQueryCache().subscribe(hear);
  }, [client]);
  const isSilent = silentMs !== null;
  useEffect(() => {
    if (!isSilent) void client.refetchQueries({ type: "active", predicate: (query) => query.state.status === "error" && isNoAnswer(query.state.error) });
  }, [client, isSilent]);
  return silentMs;
}
