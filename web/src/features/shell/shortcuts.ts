import { useEffect, useRef } from "react";

import { href, navigate } from "../../state/location";
import { PAGES } from "./pages";

const SEQUENCE_MS = 1_200; // as long as a second key may take

export const SHORTCUTS: readonly { readonly keys: readonly string[]; readonly does: string }[] = [
  ...PAGES.map((page) => ({ keys: ["g", page.key], does: `Go to ${page.name}` })),
  { keys: ["/"], does: "Go to the query or search field" },
  { keys: ["Ctrl", "Enter"], does: "Run the query" },
  { keys: ["j", "k"], does: "Alerts: to the next or the one before; Enter opens it" },
  { keys: ["x"], does: "Alerts: select it" },
  { keys: ["a"], does: "Alerts: acknowledge it, or those selected" },
  { keys: ["s"], does: "Alerts: silence it, or those selected" },
  { keys: ["Esc"], does: "Leave the field, close what is open" },
  { keys: ["?"], does: "Show this help" },
];

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

function focusSearch(): boolean {
  const field = document.querySelector<HTMLElement>("[data-search] .cm-content, input[data-search], [data-search] input");
  field?.focus();
  return field !== null;
}

/** Keys that work everywhere but in a field: `g` and a page's letter, `/`, `?`. */
export function useShortcuts({ onHelp }: { onHelp: () => void }): void {
  const help = useRef(onHelp);
  useEffect(() => {
    help.current = onHelp;
  });
  useEffect(() => {
    let wentAt = -Infinity;
    const press = (event: KeyboardEvent) => {
      if (event.key === "Escape" && isTyping(event.target) && !event.defaultPrevented) (event.target as HTMLElement).blur();
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      const page = performance.now() - wentAt < SEQUENCE_MS ? PAGES.find((entry) => entry.key === event.key) : undefined;
      wentAt = event.key === "g" ? performance.now() : -Infinity;
      if (page) navigate(href(page.path));
      else if (event.key === "?") help.current();
      else if (event.key !== "/" || !focusSearch()) return;
      event.preventDefault();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, []);
}
