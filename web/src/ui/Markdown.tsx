import { Fragment, type ReactNode } from "react";

import { parseMarkdown, type Block, type Inline } from "../model/markdown";
import { Command } from "./Command";
import { Link } from "./Link";

function Parts({ parts }: { parts: readonly Inline[] }): ReactNode {
  return parts.map((part, index) => <Fragment key={index}>{onePart(part)}</Fragment>);
}

function onePart(part: Inline): ReactNode {
  switch (part.kind) {
    case "text":
      return part.text;
    case "code":
      return <code>{part.text}</code>;
    case "strong":
      return (
        <strong>
          <Parts parts={part.parts} />
        </strong>
      );
    case "em":
      return (
        <em>
          <Parts parts={part.parts} />
        </em>
      );
    case "link":
      return part.href.startsWith("/ui/") ? (
        <Link className="as-link" href={part.href}>
          <Parts parts={part.parts} />
        </Link>
      ) : (
        <a className="as-link" href={part.href} target="_blank" rel="noreferrer noopener">
          <Parts parts={part.parts} />
        </a>
      );
  }
}

function Blocks({ blocks }: { blocks: readonly Block[] }): ReactNode {
  return blocks.map((block, index) => <Fragment key={index}>{oneBlock(block)}</Fragment>);
}

function oneBlock(block: Block): ReactNode {
  switch (block.kind) {
    case "heading": {
      const Level = `h${Math.min(Math.max(block.level, 2), 4)}` as "h2" | "h3" | "h4"; // the page's title is its h1
      return (
        <Level>
          <Parts parts={block.parts} />
        </Level>
      );
    }
    case "paragraph":
      return (
        <p>
          <Parts parts={block.parts} />
        </p>
      );
    case "quote":
      return (
        <blockquote>
          <Parts parts={block.parts} />
        </blockquote>
      );
    case "code":
      return <Command text={block.text} what="the command" />;
    case "rule":
      return <hr />;
    case "list":
      return <List block={block} />;
    case "table":
      return <Table block={block} />;
  }
}

function List({ block }: { block: Extract<Block, { kind: "list" }> }) {
  const items = block.items.map((item, index) => (
    <li key={index}>
      <Parts parts={item.parts} />
      <Blocks blocks={item.below} />
    </li>
  ));
  return block.isOrdered ? <ol start={block.first}>{items}</ol> : <ul>{items}</ul>;
}

function Table({ block }: { block: Extract<Block, { kind: "table" }> }) {
  return (
    <div className="as-scroll">
      <table className="as-table">
        <thead>
          <tr>
            {block.head.map((cell, index) => (
              <th key={index}>
                <Parts parts={cell} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {block.rows.map((row, index) => (
            <tr key={index}>
              {row.map((cell, column) => (
                <td key={column}>
                  <Parts parts={cell} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A text in Markdown. Nothing of it becomes markup but the blocks that are known; HTML in it is text. */
export function Markdown({ text }: { text: string }) {
  return (
    <div className="as-markdown">
      <Blocks blocks={parseMarkdown(text)} />
    </div>
  );
}
