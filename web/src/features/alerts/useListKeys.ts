import { useEffect, useRef } from "react";

/** What the keys of the list do with the alert that has the focus; null where none has. */
export interface ListKeys {
  readonly select: (id: string | null) => void;
  readonly acknowledge: (id: string | null) => void;
  readonly silence: (id: string | null) => void;
  readonly clear: () => void;
}

const SEQUENCE_MS = 1_200; // as in the frame: `g` and a letter go to another page

function links(): HTMLElement[] {
  return [...document.querySelectorAll<HTMLElement>("a[data-alert]")];
}

function move(step: number): void {
  const all = links();
  const here = all.findIndex((link) => link.closest("li")?.contains(document.activeElement));
  const next = all[Math.min(Math.max(here < 0 ? (step > 0 ? 0 : all.length - 1) : here + step, 0), all.length - 1)];
  next?.focus();
  next?.closest("li")?.scrollIntoView({ block: "nearest" });
}

function focusedId(): string | null {
  return document.activeElement?.closest("li")?.querySelector<HTMLElement>("a[data-alert]")?.dataset["alert"] ?? null;
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(TEXTAREA|SELECT)$/.test(target.tagName) || (target instanceof HTMLInputElement && target.type !== "checkbox");
}

/** `j` and `k` walk through the alerts, `x` selects, `a` acknowledges, `s` silences, Esc lets go. */
export function useListKeys(keys: ListKeys, isEnabled: boolean): void {
  const latest = useRef(keys);
  useEffect(() => {
    latest.current = keys;
  });
  useEffect(() => {
    if (!isEnabled) return undefined;
    let wentAt = -Infinity;
    const acts: Record<string, () => void> = {
      j: () => move(1),
      k: () => move(-1),
      ArrowDown: () => move(1),
      ArrowUp: () => move(-1),
      x: () => latest.current.select(focusedId()),
      a: () => latest.current.acknowledge(focusedId()),
      s: () => latest.current.silence(focusedId()),
      Escape: () => latest.current.clear(),
    };
    const press = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      const isSecond = performance.now() - wentAt < SEQUENCE_MS;
      wentAt = event.key === "g" ? performance.now() : -Infinity;
      const act = acts[event.key];
      // The arrows scroll the page until an alert has the focus.
      if (isSecond || !act || (event.key.startsWith("Arrow") && focusedId() === null)) return;
      act();
      event.preventDefault();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [isEnabled]);
}
