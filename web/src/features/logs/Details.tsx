import { ActionIcon, Tooltip } from "@mantine/core";

import { rowFields, rowKey, type Filter, type LogRow } from "../../model/logs";
import { parseNanos } from "../../model/time";
import { href } from "../../state/location";
import { CopyButton } from "../../ui/CopyButton";
import { Icon } from "../../ui/icons";
import { Link } from "../../ui/Link";
import { Time, ZoneLabel } from "../../ui/Time";

const AROUND_MS = 60_000; // a link shows the row among its neighbours

function millis(row: LogRow): number {
  return Number(parseNanos(row.time) / 1_000_000n);
}

/** The address that shows this row, opened, whoever follows it. */
function rowLink(row: LogRow): string {
  const at = millis(row);
  const around = { from: new Date(at - AROUND_MS).toISOString(), to: new Date(at + AROUND_MS).toISOString() };
  const narrow = row.trace_id ? `trace_id:${row.trace_id}` : row.service ? `service:"${row.service}"` : "";
  return new URL(href("logs", { ...around, q: narrow, row: rowKey(row) }), window.location.href).toString();
}

function Field({ name, value, onFilter }: { name: string; value: string; onFilter: Filter }) {
  return (
    <tr>
      <th scope="row">{name}</th>
      <td className="as-log-buttons">
        <Tooltip label="Only rows with this value">
          <ActionIcon variant="subtle" size="xs" aria-label={`Only ${name} ${value}`} onClick={() => onFilter(name, value, "include")}>
            <Icon name="plus" size={12} />
          </ActionIcon>
        </Tooltip>
        <Tooltip label="Without this value">
          <ActionIcon variant="subtle" size="xs" color="gray" aria-label={`Without ${name} ${value}`} onClick={() => onFilter(name, value, "exclude")}>
            <Icon name="minus" size={12} />
          </ActionIcon>
        </Tooltip>
      </td>
      <td className="as-break">{value}</td>
    </tr>
  );
}

/** Everything a row has, each field with its filters; and where to go from here. */
export function Details({ row, onFilter }: { row: LogRow; onFilter: Filter }) {
  return (
    <div className="as-log-details">
      <div className="as-row">
        {row.trace_id && (
          <Link className="as-link as-small" href={href(`traces/${row.trace_id}`, row.span_id ? { span: row.span_id } : {})}>
            Open the trace
          </Link>
        )}
        {row.correlation_id && (
          <>
            <Link className="as-link as-small" href={href("logs", { q: `correlation_id:"${row.correlation_id}"`, from: "-24h" })}>
              All of this correlation id
            </Link>
            <Link className="as-link as-small" href={href(`correlation/${encodeURIComponent(row.correlation_id)}`)}>
              Follow the operation
            </Link>
          </>
        )}
        <CopyButton label="Copy link" text={() => rowLink(row)} />
        <CopyButton label="Copy JSON" text={() => JSON.stringify(row, null, 2)} />
      </div>
      <pre className="as-log-full" tabIndex={0} role="group" aria-label="the whole text">{row.body}</pre>
      <table className="as-pairs">
        <tbody>
          <tr>
            <th scope="row">time</th>
            <td />
            <td>
              <Time at={row.time} parts="ms" /> <ZoneLabel atMs={millis(row)} /> <span className="as-dim">{row.time}</span>
            </td>
          </tr>
          {rowFields(row).map(([name, value]) => (
            <Field key={name} name={name} value={value} onFilter={onFilter} />
          ))}
        </tbody>
      </table>
    </div>
  );
}
