import { Button, Checkbox } from "@mantine/core";
import { useState } from "react";

import type { Alert } from "../../model/alerts";
import type { AlertGroup } from "../../model/facets";
import { AlertCard } from "./AlertCard";

const SHOWN_STEP = 50; // a storm has thousands; a screen shows ten

interface Props {
  group: AlertGroup;
  nowMs: number;
  selected: ReadonlySet<string>;
  onSelect: (ids: readonly string[]) => void;
  onAcknowledge: (alert: Alert) => void;
}

/** The alerts of a group, selected together by its head. */
export function AlertGroupList({ group, nowMs, selected, onSelect, onAcknowledge }: Props) {
  const [shown, setShown] = useState(SHOWN_STEP);
  const count = group.alerts.length;
  const chosen = group.alerts.filter((alert) => selected.has(alert.id)).length;
  return (
    <section aria-label={group.key}>
      <h2 className="as-alerts-state">
        <Checkbox
          size="xs"
          checked={chosen === count}
          indeterminate={chosen > 0 && chosen < count}
          onChange={() => onSelect(group.alerts.map((alert) => alert.id))}
          aria-label={`Select all of ${group.key}`}
        />
        {group.key} <span className="as-dim">{count}</span>
      </h2>
      <ul className="as-alert-list">
        {group.alerts.slice(0, shown).map((alert) => (
          <AlertCard
            key={alert.id}
            alert={alert}
            nowMs={nowMs}
            isSelected={selected.has(alert.id)}
            onSelect={() => onSelect([alert.id])}
            onAcknowledge={() => onAcknowledge(alert)}
          />
        ))}
      </ul>
      {count > shown && (
        <Button variant="subtle" size="compact-xs" mt={8} onClick={() => setShown(shown + SHOWN_STEP)}>
          Show {Math.min(SHOWN_STEP, count - shown)} more of {count}
        </Button>
      )}
    </section>
  );
}
