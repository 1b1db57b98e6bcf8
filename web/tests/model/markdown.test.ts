import { describe, expect, it } from "vitest";

import { inline, parseMarkdown, safeHref } from "../../src/model/markdown";
import { runbookName } from "../../src/model/runbooks";

describe("Markdown", () => {
  it("is headings, paragraphs, code and rules", () => {
    expect(parseMarkdown("# Title #\n\none\ntwo\n\n```sh\n# no heading\n```\n---\n> said\n> so")).toEqual([
      { kind: "heading", level: 1, parts: [{ kind: "text", text: "Title" }] },
      { kind: "paragraph", parts: [{ kind: "text", text: "one two" }] },
      { kind: "code", text: "# no heading" },
      { kind: "rule" },
      { kind: "quote", parts: [{ kind: "text", text: "said so" }] },
    ]);
  });

  it("has lists with what is below an item", () => {
    const [list] = parseMarkdown("2. first\n   goes on\n   - inner\n\n3. second\n\n   ```\n   code\n   ```\n\nafter");
    expect(list).toEqual({
      kind: "list",
      isOrdered: true,
      first: 2,
      items: [
        {
          parts: [{ kind: "text", text: "first goes on" }],
          below: [{ kind: "list", isOrdered: false, first: 1, items: [{ parts: [{ kind: "text", text: "inner" }], below: [] }] }],
        },
        { parts: [{ kind: "text", text: "second" }], below: [{ kind: "code", text: "code" }] },
      ],
    });
  });

  it("has tables whose cells may hold a bar within code", () => {
    const [table] = parseMarkdown("| a | b |\n|---|:-:|\n| `x | y` | |\n| 1 \\| 2 | 3 | 4 |");
    const text = (value: string) => [{ kind: "text", text: value }];
    expect(table).toEqual({
      kind: "table",
      head: [text("a"), text("b")],
      rows: [
        [[{ kind: "code", text: "x | y" }], []],
        [text("1 | 2"), text("3")],
      ],
    });
  });

  it("has code, emphasis and links within a line", () => {
    expect(inline("a `b*c*` **d *e*** [f](https://g.example/h_(i)) https://j.example.")).toEqual([
      { kind: "text", text: "a " },
      { kind: "code", text: "b*c*" },
      { kind: "text", text: " " },
      { kind: "strong", parts: [{ kind: "text", text: "d " }, { kind: "em", parts: [{ kind: "text", text: "e" }] }] },
      { kind: "text", text: " " },
      { kind: "link", href: "https://g.example/h_(i)", parts: [{ kind: "text", text: "f" }] },
      { kind: "text", text: " " },
      { kind: "link", href: "https://j.example", parts: [{ kind: "text", text: "https://j.example" }] },
      { kind: "text", text: "." },
    ]);
  });

  it("leaves HTML and addresses that would act as text", () => {
    expect(inline("<img src=x onerror=alert(1)>")).toEqual([{ kind: "text", text: "<img src=x onerror=alert(1)>" }]);
    expect(inline("[x](javascript:alert)")).toEqual([{ kind: "text", text: "[x](javascript:alert)" }]);
    expect(["javascript:alert(1)", "data:text/html,x", "//evil.example", " HTTPS://ok.example ", "/ui/logs", "mailto:a@b.c"].map(safeHref)).toEqual([
      ...[null, null, null, "HTTPS://ok.example", "/ui/logs", "mailto:a@b.c"],
    ]);
  });

  it("ends for any text", () => {
    for (const text of ["", "\n\n", "- ", "*", "**", "`", "```", "|", "| a\n|-", "> ", "1. a\n  2. b\n 3. c", "[a](", "#", "- a\n\n\n- b"]) {
      expect(Array.isArray(parseMarkdown(text))).toBe(true);
    }
  });
});

describe("a runbook's address", () => {
  it("is ours below this server's root, whatever its prefix, or without a host", () => {
    const root = "https://ops.example/anyascope/";
    const name = (address: string) => runbookName(address, root);
    expect(name("https://ops.example/anyascope/runbooks/HsmDown")).toBe("HsmDown");
    expect(name("https://ops.example/anyascope/ui/runbooks/A%20b")).toBe("A b");
    expect(name("/runbooks/HsmDown")).toBe("HsmDown");
    expect(["https://other.example/runbooks/HsmDown", "//evil/runbooks/x", "/runbooks/", "", "/runbooks/a/b"].map(name)).toEqual([null, null, null, null, null]);
  });
});
