import { readFileSync, readdirSync, statSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";

import { describe, expect, it } from "vitest";

const SOURCES = fileURLToPath(new URL("../../src", import.meta.url));

/** All modules below a folder. */
function modulesOf(folder: string): readonly string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return modulesOf(path);
    return /\.tsx?$/.test(name) ? [path] : [];
  });
}

/** What each module imports of the others, types and lazy pages included. */
function importsOf(modules: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const known = new Set(modules);
  return new Map(
    modules.map((path) => {
      const named = [...readFileSync(path, "utf8").matchAll(/\b(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map((found) => found[1] ?? "");
      const files = named.flatMap((name) => ["", ".ts", ".tsx"].map((end) => normalize(join(dirname(path), name + end))));
      return [path, files.filter((file) => known.has(file))];
    }),
  );
}

/** The ways by which a module comes back to itself; each part of a circle is told once. */
function circlesOf(imports: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const done = new Set<string>();
  const found: string[] = [];
  const walk = (path: string, way: readonly string[]): void => {
    if (way.includes(path)) found.push([...way.slice(way.indexOf(path)), path].map((one) => relative(SOURCES, one)).join(" → "));
    if (way.includes(path) || done.has(path)) return;
    for (const other of imports.get(path) ?? []) walk(other, [...way, path]);
    done.add(path);
  };
  for (const path of imports.keys()) walk(path, []);
  return found;
}

describe("the modules of the page", () => {
  const imports = importsOf(modulesOf(SOURCES));

  it("are found, and what they import", () => {
    expect(imports.size).toBeGreaterThan(150);
    expect([...imports.values()].flat().length).toBeGreaterThan(imports.size);
  });

  it("import each other in no circle", () => expect(circlesOf(imports)).toEqual([]));

  it("are known to be circular where they are", () => {
    const circular = new Map([
      ["a", ["b"]],
      ["b", ["c"]],
      ["c", ["a"]],
    ]);
    expect(circlesOf(circular)).toHaveLength(1);
  });
});
