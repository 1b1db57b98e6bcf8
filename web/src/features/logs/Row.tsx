import { LEVEL_COLORS } from "../../model/severity";
import { rowLevel, type Filter, type LogRow } from "../../model/logs";
import { Icon } from "../../ui/icons";
import { Time } from "../../ui/Time";
import { Details } from "./Details";

interface Props {
  row: LogRow;
  isOpen: boolean;
  onToggle: () => void;
  onFilter: Filter;
}

/** One row in one line; open, with all its fields. */
export function Row({ row, isOpen, onToggle, onFilter }: Props) {
  const level = rowLevel(row);
  return (
    <>
      <button type="button" className="as-plain as-log-row" aria-expanded={isOpen} onClick={onToggle}>
        <span className="as-caret" data-open={isOpen}>
          <Icon name="chevron" size={12} />
        </span>
        <span className="as-log-level" style={{ color: LEVEL_COLORS[level] }}>
          {row.severity || level}
        </span>
        <span className="as-dim as-log-time">
          <Time at={row.time} parts="ms" />
        </span>
        <span className="as-log-service as-clip">{row.service}</span>
        <span className="as-log-body">{row.body || row.event_name}</span>
      </button>
      {isOpen && <Details row={row} onFilter={onFilter} />}
    </>
  );
}
