import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useLayoutEffect, useRef, useState } from "react";

import { rowKey, type Filter, type LogRow } from "../../model/logs";
import { Row } from "./Row";

interface Props {
  rows: readonly LogRow[];
  /** Key of the row that a link opened. */
  opened: string | null;
  onFilter: Filter;
  onEnd?: () => void;
}

const ROW_PX = 27;
const ROWS_BEFORE_END = 30; // the next page is asked for before its reader gets there

/** Rows of logs, of which only those on the screen exist; a click opens one. */
export function RowList({ rows, opened, onFilter, onEnd }: Props) {
  const list = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState<ReadonlySet<string>>(() => new Set(opened ? [opened] : []));
  const [margin, setMargin] = useState(0);
  // The list starts wherever the search, the chips and the histogram end.
  useLayoutEffect(() => {
    const top = list.current ? list.current.getBoundingClientRect().top + window.scrollY : 0;
    setMargin(Math.round(top));
  }, [rows.length]);
  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => ROW_PX,
    overscan: 20,
    scrollMargin: margin,
    getItemKey: (index) => {
      const row = rows[index];
      return row ? `${rowKey(row)}/${index}` : index;
    },
  });
  // A link to a row shows it, wherever in the first page it stands.
  useEffect(() => {
    const index = opened ? rows.findIndex((row) => rowKey(row) === opened) : -1;
    if (index > 0) virtual.scrollToIndex(index, { align: "center" });
    // Once, when the rows are there: later pages must not pull the reader back.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [opened, margin]);
  const items = virtual.getVirtualItems();
  const last = items[items.length - 1]?.index ?? 0;
  useEffect(() => {
    if (onEnd && last >= rows.length - ROWS_BEFORE_END) onEnd();
  }, [last, rows.length, onEnd]);
  const toggle = (key: string) => {
    const next = new Set(open);
    if (!next.delete(key)) next.add(key);
    setOpen(next);
  };
  return (
    <div ref={list} className="as-virtual" role="list" style={{ height: virtual.getTotalSize() }}>
      {items.map((item) => {
        const row = rows[item.index];
        if (!row) return null;
        const key = rowKey(row);
        return (
          <div
            key={item.key}
            ref={virtual.measureElement}
            data-index={item.index}
            role="listitem"
            className="as-log-item"
            style={{ transform: `translateY(${item.start - margin}px)` }}
          >
            <Row row={row} isOpen={open.has(key)} onToggle={() => toggle(key)} onFilter={onFilter} />
          </div>
        );
      })}
    </div>
  );
}
