import { ActionIcon, Autocomplete, Button, NativeSelect } from "@mantine/core";

import { OPERATORS, matcherProblem, type Matcher, type Operator } from "../../model/silences";
import type { Labels } from "../../model/prometheus";
import { Icon } from "../../ui/icons";

interface Props {
  matchers: readonly Matcher[];
  /** Label sets that are known, for completion. */
  known: readonly Labels[];
  onChange: (matchers: readonly Matcher[]) => void;
}

const NEW: Matcher = { name: "", op: "=", value: "" };

function sorted(values: Iterable<string>): string[] {
  return [...new Set(values)].filter((value) => value !== "").sort();
}

function Row({ matcher, known, onChange, onRemove }: { matcher: Matcher; known: readonly Labels[]; onChange: (matcher: Matcher) => void; onRemove: () => void }) {
  return (
    <div className="as-matcher" data-testid="matcher">
      <Autocomplete
        size="xs"
        aria-label="Label"
        placeholder="label"
        spellCheck={false}
        data={sorted(known.flatMap((labels) => Object.keys(labels)))}
        value={matcher.name}
        onChange={(name) => onChange({ ...matcher, name })}
      />
      <NativeSelect
        size="xs"
        aria-label="Comparison"
        data={[...OPERATORS]}
        value={matcher.op}
        onChange={(event) => onChange({ ...matcher, op: event.currentTarget.value as Operator })}
      />
      <Autocomplete
        size="xs"
        aria-label="Value"
        placeholder="value"
        spellCheck={false}
        data={sorted(known.map((labels) => labels[matcher.name] ?? ""))}
        value={matcher.value}
        error={matcher.name === "" && matcher.value === "" ? null : matcherProblem(matcher)}
        onChange={(value) => onChange({ ...matcher, value })}
      />
      <ActionIcon variant="subtle" color="gray" aria-label={`Remove ${matcher.name || "this line"}`} onClick={onRemove}>
        <Icon name="close" size={14} />
      </ActionIcon>
    </div>
  );
}

/** The conditions of a silence, a line each; all of them must hold. */
export function MatcherRows({ matchers, known, onChange }: Props) {
  return (
    <fieldset className="as-matchers" aria-label="What to silence">
      <legend className="as-small">Alerts with all of these</legend>
      {matchers.map((matcher, index) => (
        <Row
          key={index}
          matcher={matcher}
          known={known}
          onChange={(changed) => onChange(matchers.map((old, at) => (at === index ? changed : old)))}
          onRemove={() => onChange(matchers.filter((_, at) => at !== index))}
        />
      ))}
      <Button size="compact-xs" variant="subtle" leftSection={<Icon name="plus" size={13} />} onClick={() => onChange([...matchers, NEW])}>
        Add a condition
      </Button>
    </fieldset>
  );
}
