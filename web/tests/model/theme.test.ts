import { describe, expect, it } from "vitest";

import { cssVariables, theme } from "../../src/ui/theme";

const LEAST = 4.5; // WCAG 2.2, 1.4.3: contrast of text that is not large
const GROUNDS = ["--as-surface", "--as-raised", "--mantine-color-body"];
const TEXTS = [
  ...["--as-text", "--as-dim", "--as-accent", "--as-ok", "--as-warn", "--as-error", "--as-fatal", "--as-info", "--as-debug", "--as-trace", "--as-measured"],
  ...["--mantine-color-dimmed", "--mantine-color-error"],
];

/** Relative luminance of `#rrggbb`, 0 to 1 (WCAG 2.2). */
function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one: string, other: string): number {
  const [high = 0, low = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
}

describe.each(["light", "dark"] as const)("the %s colours", (scheme) => {
  const colours = new Map(Object.entries(cssVariables(theme as Parameters<typeof cssVariables>[0])[scheme]));
  const of = (name: string) => colours.get(name) ?? "";

  it.each(TEXTS.flatMap((text) => GROUNDS.map((ground) => [text, ground] as const)))("%s can be read on %s", (text, ground) => {
    expect(of(text)).toMatch(/^#[0-9a-f]{6}$/);
    expect(contrast(of(text), of(ground))).toBeGreaterThanOrEqual(LEAST);
  });

  it("of filled buttons can be read: white on the primary colour", () => {
    const shade = theme.primaryShade as number;
    expect(contrast("#ffffff", theme.colors?.["scope"]?.[shade] ?? "")).toBeGreaterThanOrEqual(LEAST);
  });

  it("of what is chosen can be read", () => expect(contrast(of("--as-accent"), of("--as-accent-soft"))).toBeGreaterThanOrEqual(LEAST));
});
