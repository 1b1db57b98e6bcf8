import { TextInput } from "@mantine/core";

import { WEEKDAYS, type Recurrence } from "../../model/silences";

interface Props {
  value: Recurrence;
  onChange: (recurrence: Recurrence) => void;
}

const CLOCK = /^([01]\d|2[0-3]):[0-5]\d$/;

/** What keeps a recurrence from being sent; null where nothing does. */
export function recurrenceProblem(recurrence: Recurrence): string | null {
  if (!CLOCK.test(recurrence.start_time) || !CLOCK.test(recurrence.end_time)) return "write times as 22:00";
  return recurrence.start_time === recurrence.end_time ? "the window is empty" : null;
}

/** The windows in which a recurring silence holds: times of day, weekdays, and the zone in which they are meant. */
export function RecurrenceFields({ value, onChange }: Props) {
  return (
    <div className="as-recurrence">
      <div className="as-row">
        <TextInput size="xs" label="From" w={84} placeholder="22:00" value={value.start_time} onChange={(event) => onChange({ ...value, start_time: event.currentTarget.value })} />
        <TextInput
          size="xs"
          label="To"
          w={84}
          placeholder="06:00"
          value={value.end_time}
          onChange={(event) => onChange({ ...value, end_time: event.currentTarget.value })}
        />
        <TextInput size="xs" label="Zone" className="as-grow" value={value.location} onChange={(event) => onChange({ ...value, location: event.currentTarget.value })} />
      </div>
      <div className="as-row" role="group" aria-label="Weekdays">
        {WEEKDAYS.map((day) => (
          <button
            key={day}
            type="button"
            className="as-chip"
            aria-label={day}
            aria-pressed={value.weekdays.includes(day)}
            onClick={() => onChange({ ...value, weekdays: WEEKDAYS.filter((other) => value.weekdays.includes(other) !== (other === day)) })}
          >
            {day.slice(0, 2)}
          </button>
        ))}
        <span className="as-dim as-small">{value.weekdays.length === 0 ? "every day" : ""}</span>
      </div>
      {recurrenceProblem(value) && <span className="as-small as-problem">{recurrenceProblem(value)}</span>}
    </div>
  );
}
