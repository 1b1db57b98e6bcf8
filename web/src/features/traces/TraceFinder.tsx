import { ActionIcon, TextInput } from "@mantine/core";
import { useMemo } from "react";

import { spanMatches, visibleRows, type Trace, type TraceTree } from "../../model/traces";
import { useQueryState } from "../../state/location";
import { Icon } from "../../ui/icons";

interface Props {
  trace: Trace;
  tree: TraceTree;
  selected: string | null;
  onSelect: (spanId: string) => void;
}

const EVERYTHING: ReadonlySet<string> = new Set();

/** Finds spans by name, service, id or attribute, and goes from one to the next. */
export function TraceFinder({ trace, tree, selected, onSelect }: Props) {
  const [query, change] = useQueryState();
  const text = query.get("find") ?? "";
  const order = useMemo(() => visibleRows(tree, EVERYTHING).map((node) => node.span), [tree]);
  const found = useMemo(() => order.filter((span) => spanMatches(span, text)).map((span) => span.span_id), [order, text]);
  const at = found.indexOf(selected ?? "");
  const go = (by: number) => {
    const next = found[(at + by + found.length) % found.length] ?? found[0];
    if (next) onSelect(next);
  };
  return (
    <div className="as-row">
      <TextInput
        size="xs"
        w={240}
        data-search
        aria-label="Find in this trace"
        placeholder={`Find in ${trace.spans.length.toLocaleString("en")} spans`}
        leftSection={<Icon name="search" size={13} />}
        value={text}
        onChange={(event) => change({ find: event.currentTarget.value }, { replace: true })}
        onKeyDown={(event) => event.key === "Enter" && go(event.shiftKey ? -1 : 1)}
      />
      {text && (
        <>
          <span className="as-small as-dim" role="status">
            {found.length === 0 ? "no match" : `${at >= 0 ? `${at + 1} of ` : ""}${found.length}`}
          </span>
          <ActionIcon size="sm" variant="default" aria-label="Match before" disabled={!found.length} className="as-flip" onClick={() => go(-1)}>
            <Icon name="chevron" size={12} />
          </ActionIcon>
          <ActionIcon size="sm" variant="default" aria-label="Next match" disabled={!found.length} onClick={() => go(1)}>
            <Icon name="chevron" size={12} />
          </ActionIcon>
        </>
      )}
    </div>
  );
}
