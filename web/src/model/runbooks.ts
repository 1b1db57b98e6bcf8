/** What to do about an alert, as the server's packs and rules tell it. */

export interface Runbook {
  readonly alertname: string;
  readonly title: string;
  readonly pack: string;
  readonly markdown: string;
  readonly rules?: readonly { readonly expr: string; readonly hold_s: number; readonly hold_blocks?: string; readonly labels: Readonly<Record<string, string>> }[];
}

export interface RunbookEntry {
  readonly alertname: string;
  readonly title: string;
  readonly pack: string;
}

/** The alert whose runbook of this server an address leads to (`…/runbooks/NAME`); null where it leads elsewhere. `root` ends with `/`. */
export function runbookName(address: string, root: string): string | null {
  const rest = address.startsWith(root) ? address.slice(root.length) : address.startsWith("/") ? address.slice(1) : "";
  const found = /^(?:ui\/)?runbooks\/([^/?#]+)$/.exec(rest);
  return found?.[1] ? decodeURIComponent(found[1]) : null;
}
