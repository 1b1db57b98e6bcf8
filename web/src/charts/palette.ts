/** Colours of series, told apart by people who see colours differently; after Okabe and Ito, tuned for both schemes. */
const LIGHT = ["#0072b2", "#d55e00", "#009e73", "#cc4c9a", "#8a6d00", "#4b5bd6", "#b3261e", "#00838f", "#6b7f00", "#7b4fa3"];
const DARK = ["#4fb3ff", "#ff9248", "#37d6a3", "#f28bc6", "#f0d34a", "#98a2ff", "#ff7d74", "#3fd0dc", "#bfd94a", "#c79bf2"];

export function seriesColor(index: number, isDark: boolean): string {
  const palette = isDark ? DARK : LIGHT;
  return palette[index % palette.length] ?? "#888888";
}

/** Places of the palette that a name may have: red is kept for what failed. */
const NAME_PLACES = [0, 1, 2, 3, 4, 5, 7, 8, 9];

/** Who has which place; a name keeps its own while the page is open. */
const places = new Map<string, number>();

/** FNV-1a, so that names of one pattern (`api-1`, `api-2`) fall apart. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193) >>> 0;
  return value;
}

/** A service keeps its colour on every screen: its name chooses the place, the next free one where another has it. */
export function nameColor(name: string, isDark: boolean): string {
  let place = places.get(name);
  if (place === undefined) {
    const taken = new Set(places.values());
    const wanted = hash(name) % NAME_PLACES.length;
    const free = NAME_PLACES.map((_, step) => (wanted + step) % NAME_PLACES.length).find((other) => !taken.has(other));
    place = free ?? wanted;
    places.set(name, place);
  }
  return seriesColor(NAME_PLACES[place] ?? 0, isDark);
}

/** Colours of the levels of logs on a canvas, which cannot read the style sheet's variables. */
export function levelColor(level: string, isDark: boolean): string {
  const known: Record<string, readonly [string, string]> = {
    FATAL: ["#a3123f", "#ff5c8a"],
    ERROR: ["#c9302c", "#ff7a70"],
    WARN: ["#d98a1a", "#f5b04a"],
    INFO: ["#4a90c9", "#4f9fe0"],
    DEBUG: ["#9aa8b5", "#5f7182"],
  };
  return known[level]?.[isDark ? 1 : 0] ?? (isDark ? "#44535f" : "#bcc6cf");
}
