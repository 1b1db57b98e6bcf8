import { TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { fetchValues, type LogQuestion } from "../../api/own";
import type { Filter } from "../../model/logs";
import { formatValue } from "../../model/units";
import { Icon } from "../../ui/icons";
import { Empty, Failure, Loading } from "../../ui/States";
import { useLogFields } from "./useLogSearch";

const VALUES_MAX = 10;

function Values({ asked, field, onFilter }: { asked: LogQuestion; field: string; onFilter: Filter }) {
  const answer = useQuery({
    queryKey: ["logs", "values", asked, field],
    queryFn: ({ signal }) => fetchValues(asked, field, VALUES_MAX, signal),
  });
  if (answer.error) return <Failure problem={answer.error} what="Values" />;
  if (!answer.data) return <Loading what={`values of ${field}`} lines={3} />;
  const most = Math.max(...answer.data.map((one) => one.count), 1);
  return (
    <ul className="as-values">
      {answer.data.map((one) => (
        <li key={one.value}>
          <button
            type="button"
            className="as-plain as-value"
            title={`Only ${field}:${one.value} (with Alt: without)`}
            onClick={(event) => onFilter(field, one.value, event.altKey ? "exclude" : "include")}
          >
            <span className="as-clip">{one.value === "" ? "(empty)" : one.value}</span>
            <span className="as-dim">{formatValue(one.count, "count")}</span>
            <i style={{ width: `${(one.count / most) * 100}%` }} />
          </button>
        </li>
      ))}
    </ul>
  );
}

/** Which fields the found rows have, and their most frequent values. */
export function FieldsPanel({ asked, onFilter }: { asked: LogQuestion; onFilter: Filter }) {
  const answer = useLogFields(asked, true);
  const [open, setOpen] = useState<string | null>(null);
  const [part, setPart] = useState("");
  const fields = answer.data?.filter((field) => field.name.toLowerCase().includes(part.toLowerCase()));
  return (
    <aside className="as-card as-fields" aria-label="Fields">
      <TextInput size="xs" placeholder="find a field" aria-label="Find a field" value={part} onChange={(event) => setPart(event.currentTarget.value)} />
      {answer.error ? (
        <Failure problem={answer.error} what="Fields" onRetry={() => void answer.refetch()} />
      ) : !fields ? (
        <Loading what="fields" lines={8} />
      ) : fields.length === 0 ? (
        <Empty title="No field" />
      ) : (
        <ul className="as-values">
          {fields.map((field) => (
            <li key={field.name}>
              <button
                type="button"
                className="as-plain as-field"
                aria-expanded={open === field.name}
                onClick={() => setOpen(open === field.name ? null : field.name)}
              >
                <span className="as-caret" data-open={open === field.name}>
                  <Icon name="chevron" size={12} />
                </span>
                <span className="as-clip">{field.name}</span>
                <span className="as-dim as-end">{formatValue(field.count, "count")}</span>
              </button>
              {open === field.name && <Values asked={asked} field={field.name} onFilter={onFilter} />}
            </li>
          ))}
        </ul>
      )}
    </aside>
  );
}
