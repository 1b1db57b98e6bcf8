/** A small part of Markdown, read into blocks: what runbooks are written in. HTML stays text. */

export type Inline =
  | { readonly kind: "text" | "code"; readonly text: string }
  | { readonly kind: "strong" | "em"; readonly parts: readonly Inline[] }
  | { readonly kind: "link"; readonly href: string; readonly parts: readonly Inline[] };

export interface Item {
  readonly parts: readonly Inline[];
  readonly below: readonly Block[];
}

export type Block =
  | { readonly kind: "heading"; readonly level: number; readonly parts: readonly Inline[] }
  | { readonly kind: "paragraph" | "quote"; readonly parts: readonly Inline[] }
  | { readonly kind: "code"; readonly text: string }
  | { readonly kind: "list"; readonly isOrdered: boolean; readonly first: number; readonly items: readonly Item[] }
  | { readonly kind: "table"; readonly head: readonly (readonly Inline[])[]; readonly rows: readonly (readonly (readonly Inline[])[])[] }
  | { readonly kind: "rule" };

const LINK_DEPTH_MAX = 4; // emphasis within emphasis; deeper is text

/** Addresses that may be followed: the web, mail, and pages of this server. Everything else (`javascript:`) is none. */
export function safeHref(address: string): string | null {
  const clean = address.trim();
  if (/^(https?:\/\/|mailto:)\S+$/i.test(clean)) return clean;
  return /^\/(?!\/)\S*$/.test(clean) || /^[#?]\S*$/.test(clean) ? clean : null;
}

const INLINE = /(`+)(.+?)\1(?!`)|\*\*(?=\S)(.+?\S|\S)\*\*(?!\*)|\*(?=\S)([^*]*[^*\s])\*|\[([^\]]+)\]\(([^()\s]*(?:\([^()\s]*\)[^()\s]*)*)\)|<?(https?:\/\/[^\s<>]*[^\s<>.,;:!?)\]'"])>?/;

/** One run of text with its code, emphasis and links. */
export function inline(text: string, depth = 0): readonly Inline[] {
  const parts: Inline[] = [];
  let rest = text;
  for (let found = INLINE.exec(rest); found; found = INLINE.exec(rest)) {
    if (found.index > 0) parts.push({ kind: "text", text: rest.slice(0, found.index) });
    parts.push(depth < LINK_DEPTH_MAX ? partOf(found, depth + 1) : { kind: "text", text: found[0] });
    rest = rest.slice(found.index + found[0].length);
  }
  if (rest) parts.push({ kind: "text", text: rest });
  return parts;
}

function partOf(found: RegExpExecArray, depth: number): Inline {
  const [whole, ticks, code, strong, em, label, target, bare] = found;
  if (ticks !== undefined) return { kind: "code", text: (code ?? "").replace(/^ (.*) $/, "$1") };
  if (strong !== undefined) return { kind: "strong", parts: inline(strong, depth) };
  if (em !== undefined) return { kind: "em", parts: inline(em, depth) };
  if (bare !== undefined) return { kind: "link", href: bare, parts: [{ kind: "text", text: bare }] };
  const href = safeHref(target ?? "");
  return href === null ? { kind: "text", text: whole } : { kind: "link", href, parts: inline(label ?? "", depth) };
}

const FENCE = /^\s{0,3}(`{3,}|~{3,})/;
const HEADING = /^(#{1,6})\s+(.*?)\s*#*\s*$/;
const ITEM = /^(\s*)([-*+]|(\d{1,9})[.)])\s+(.*)$/;
const DIVIDER = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;
const RULE = /^\s{0,3}([-*_])(\s*\1){2,}\s*$/;

/** A text as blocks, in their order. */
export function parseMarkdown(source: string): readonly Block[] {
  return blocksOf(source.replace(/\r\n?/g, "\n").split("\n"));
}

function blocksOf(lines: readonly string[]): Block[] {
  const blocks: Block[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at] ?? "";
    const [block, next] = line.trim() === "" ? [null, at + 1] : blockAt(lines, at);
    if (block) blocks.push(block);
    at = next;
  }
  return blocks;
}

function blockAt(lines: readonly string[], at: number): [Block, number] {
  const line = lines[at] ?? "";
  const fence = FENCE.exec(line)?.[1];
  if (fence) return fenced(lines, at, fence);
  const heading = HEADING.exec(line);
  if (heading) return [{ kind: "heading", level: heading[1]?.length ?? 1, parts: inline(heading[2] ?? "") }, at + 1];
  if (RULE.test(line)) return [{ kind: "rule" }, at + 1];
  if (line.includes("|") && DIVIDER.test(lines[at + 1] ?? "")) return table(lines, at);
  if (ITEM.test(line)) return list(lines, at);
  if (/^\s*>/.test(line)) return quote(lines, at);
  return paragraph(lines, at);
}

function fenced(lines: readonly string[], at: number, fence: string): [Block, number] {
  let end = at + 1;
  while (end < lines.length && !(lines[end] ?? "").trim().startsWith(fence)) end += 1;
  return [{ kind: "code", text: lines.slice(at + 1, end).join("\n") }, end + 1];
}

/** A row's cells; a bar within code or behind a backslash parts none. */
function cells(line: string): string[] {
  const found: string[] = [];
  let cell = "";
  let isCode = false;
  const bare = line.trim().replace(/^\|/, "");
  for (let at = 0; at < bare.length; at += 1) {
    const sign = bare[at] ?? "";
    if (sign === "`") isCode = !isCode;
    if (sign === "\\" && bare[at + 1] === "|") {
      cell += "|";
      at += 1;
    } else if (sign === "|" && !isCode) {
      found.push(cell.trim());
      cell = "";
    } else cell += sign;
  }
  return cell.trim() === "" ? found : [...found, cell.trim()];
}

function table(lines: readonly string[], at: number): [Block, number] {
  const head = cells(lines[at] ?? "").map((cell) => inline(cell));
  let end = at + 2;
  const rows: (readonly (readonly Inline[])[])[] = [];
  while (end < lines.length && (lines[end] ?? "").includes("|")) {
    const found = cells(lines[end] ?? "");
    rows.push(head.map((_, column) => inline(found[column] ?? "")));
    end += 1;
  }
  return [{ kind: "table", head, rows }, end];
}

function list(lines: readonly string[], at: number): [Block, number] {
  const first = ITEM.exec(lines[at] ?? "");
  const indent = first?.[1]?.length ?? 0;
  const isOrdered = first?.[3] !== undefined;
  const items: Item[] = [];
  let end = at;
  for (let found = ITEM.exec(lines[end] ?? ""); found && found[1]?.length === indent && (found[3] !== undefined) === isOrdered; found = ITEM.exec(lines[end] ?? "")) {
    const own = [found[4] ?? ""];
    const below: string[] = [];
    end += 1;
    while (end < lines.length && belongs(lines, end, indent)) {
      const line = lines[end] ?? "";
      if (below.length === 0 && line.trim() !== "" && !ITEM.test(line) && !FENCE.test(line)) own.push(line.trim());
      else below.push(line);
      end += 1;
    }
    items.push({ parts: inline(own.join(" ")), below: blocksOf(outdented(below)) });
    while ((lines[end] ?? "x").trim() === "" && ITEM.test(lines[end + 1] ?? "")) end += 1;
  }
  return [{ kind: "list", isOrdered, first: Number(first?.[3] ?? 1), items }, end];
}

/** Whether a line still belongs to the item above it: it is indented deeper, or an empty line before one that is. */
function belongs(lines: readonly string[], at: number, indent: number): boolean {
  const line = lines[at] ?? "";
  if (line.trim() === "") return at + 1 < lines.length && (lines[at + 1] ?? "").trim() !== "" && depthOf(lines[at + 1] ?? "") > indent;
  if (depthOf(line) > indent) return true;
  return !ITEM.test(line) && (lines[at - 1] ?? "").trim() !== "" && !HEADING.test(line) && !FENCE.test(line) && !line.includes("|");
}

const depthOf = (line: string) => line.length - line.trimStart().length;

function outdented(lines: readonly string[]): string[] {
  const depths = lines.filter((line) => line.trim() !== "").map(depthOf);
  const least = depths.length > 0 ? Math.min(...depths) : 0;
  return lines.map((line) => line.slice(least));
}

function quote(lines: readonly string[], at: number): [Block, number] {
  let end = at;
  while (end < lines.length && /^\s*>/.test(lines[end] ?? "")) end += 1;
  return [{ kind: "quote", parts: inline(lines.slice(at, end).map((line) => line.replace(/^\s*>\s?/, "")).join(" ")) }, end];
}

function paragraph(lines: readonly string[], at: number): [Block, number] {
  let end = at + 1;
  while (end < lines.length) {
    const line = lines[end] ?? "";
    if (line.trim() === "" || HEADING.test(line) || FENCE.test(line) || ITEM.test(line) || /^\s*>/.test(line)) break;
    end += 1;
  }
  return [{ kind: "paragraph", parts: inline(lines.slice(at, end).map((line) => line.trim()).join(" ")) }, end];
}
