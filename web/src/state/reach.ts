import { createContext, useContext } from "react";

/** When the server was heard last, in Unix milliseconds, while it does not answer; null while it does. */
export const ReachContext = createContext<number | null>(null);

/** Since when nothing here is new, as the frame knows it: what looks live must not, from then on. */
export function useSilentSince(): number | null {
  return useContext(ReachContext);
}
