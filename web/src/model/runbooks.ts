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
  try {
    return found?.[1] ? decodeURIComponent(found[1]) : null;
  } catch {
    return null; // a bare `%`: no address that this server made
  }
}

/** Runbooks whose name or title holds every word. */
export function filterRunbooks(books: readonly RunbookEntry[], text: string): readonly RunbookEntry[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return books.filter((book) => {
    const said = `${book.alertname} ${book.title}`.toLowerCase();
    return words.every((word) => said.includes(word));
  });
}

/** By pack, in the order of their names; those of no pack last. */
export function byPack(books: readonly RunbookEntry[]): readonly (readonly [string, readonly RunbookEntry[]])[] {
  const found = new Map<string, RunbookEntry[]>();
  for (const book of books) found.set(book.pack, [...(found.get(book.pack) ?? []), book]);
  return [...found].sort(([a], [b]) => Number(a === "") - Number(b === "") || a.localeCompare(b));
}
