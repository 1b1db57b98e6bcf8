import { Button } from "@mantine/core";
import { useState } from "react";

import type { Alert } from "../../model/alerts";
import { ALERT_ACTIONS, type AlertAction } from "../../model/timeline";
import { navigate, useQueryState } from "../../state/location";
import { CopyButton } from "../../ui/CopyButton";
import { ActForm } from "./ActForm";
import { ACTS } from "./acts";
import { silenceHref } from "./silenceHref";

/** The acts that make sense for an alert as it is; a comment has a field of its own. */
function offered(alert: Alert): readonly AlertAction[] {
  if (alert.state !== "firing") return [];
  const answer: AlertAction = alert.acknowledgement ? "unacknowledge" : "acknowledge";
  return [answer, "assign", "snooze", ...(alert.policy ? (["escalate"] as const) : []), "resolve"];
}

/** The form that the address asks for. Once open it stays, whoever acts meanwhile: what is typed is kept, and the server tells of them. */
function useOpened(asked: AlertAction | undefined, acts: readonly AlertAction[]): AlertAction | null {
  const [opened, setOpened] = useState<AlertAction | null>(null);
  const next = asked && (asked === opened || acts.includes(asked)) ? asked : null;
  if (next !== opened) setOpened(next);
  return next;
}

/** What can be done about an alert. The opened form stands in the address, so that a message can link to it. */
export function AlertActs({ alert }: { alert: Alert }) {
  const [query, change] = useQueryState();
  const [said, setSaid] = useState("");
  const acts = offered(alert);
  const asked = ALERT_ACTIONS.find((action) => action === query.get("do"));
  const opened = useOpened(asked, acts);
  const close = () => change({ do: null }, { replace: true });
  return (
    <>
      {acts.map((action, index) => (
        <Button key={action} size="compact-sm" variant={index === 0 ? "filled" : "default"} onClick={() => change({ do: action })}>
          {ACTS[action].label}
        </Button>
      ))}
      <Button size="compact-sm" variant="default" onClick={() => navigate(silenceHref([alert]))}>
        Silence
      </Button>
      <CopyButton label="Copy link" text={() => window.location.href} />
      <span role="status" className="as-small as-dim">
        {said}
      </span>
      {opened && (
        <ActForm
          key={opened}
          action={opened}
          alerts={[alert]}
          onClose={close}
          onDone={(outcome) => {
            close();
            setSaid(outcome.notices.join(" "));
          }}
        />
      )}
    </>
  );
}
