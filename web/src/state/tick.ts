import { createContext, useContext } from "react";

/** Unix milliseconds of the last tick of the page's clock. */
export const TickContext = createContext(0);

/** Now, as `Ticking` above has it: who asks for it is drawn again at each tick, and nobody else. */
export function useTick(): number {
  return useContext(TickContext);
}
