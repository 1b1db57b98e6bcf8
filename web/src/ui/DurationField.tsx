import { TextInput } from "@mantine/core";

import { parseDuration, writeDuration } from "../model/time";

interface Props {
  label: string;
  /** A Prometheus duration such as `2h`. */
  value: string;
  presets: readonly { readonly label: string; readonly seconds: number }[];
  onChange: (text: string) => void;
  error?: string | null;
  description?: string;
}

/** A length of time: one of the usual ones, or typed. */
export function DurationField({ label, value, presets, onChange, error, description }: Props) {
  const ms = parseDuration(value);
  return (
    <div className="as-duration">
      <TextInput
        label={label}
        description={description}
        size="xs"
        placeholder="1h30m"
        spellCheck={false}
        value={value}
        error={error ?? (value !== "" && ms === null ? "write 30m, 2h or 1d12h" : null)}
        onChange={(event) => onChange(event.currentTarget.value)}
      />
      <div className="as-row" role="group" aria-label={`Usual values of: ${label}`}>
        {presets.map((preset) => (
          <button
            key={preset.seconds}
            type="button"
            className="as-chip"
            aria-pressed={ms === preset.seconds * 1000}
            onClick={() => onChange(writeDuration(preset.seconds * 1000))}
          >
            {preset.label}
          </button>
        ))}
      </div>
    </div>
  );
}
