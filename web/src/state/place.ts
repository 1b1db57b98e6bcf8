import { useEffect, useRef } from "react";

import { useLocation } from "./location";

/** Shows the part of the page that `?at=` of the address names (its `data-at`), once it is there: in view, and with the focus. */
export function usePlace(): void {
  const { query } = useLocation();
  const at = query.get("at") ?? "";
  const shown = useRef("");
  useEffect(() => {
    if (at === "") shown.current = "";
    if (at === "" || at === shown.current) return undefined;
    const show = (): boolean => {
      const part = document.querySelector<HTMLElement>(`[data-at="${CSS.escape(at)}"]`);
      if (!part) return false;
      shown.current = at;
      part.tabIndex = -1;
      part.focus({ preventScroll: true });
      part.scrollIntoView({ block: "center" });
      return true;
    };
    if (show()) return undefined;
    const watch = new MutationObserver(() => show() && watch.disconnect());
    watch.observe(document.body, { childList: true, subtree: true });
    return () => watch.disconnect();
  }, [at]);
}
