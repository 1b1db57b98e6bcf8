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

/** What can be done about an alert. The opened form stands in the address, so that a message can link to it. */
export function AlertActs({ alert }: { alert: Alert }) {
  const [query, change] = useQueryState();
  const [said, setSaid] = useState("");
  const acts = offered(alert);
  const asked = ALERT_ACTIONS.find((action) => action === query.get("do"));
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
      {asked && acts.includes(asked) && (
        <ActForm
          key={asked}
          action={asked}
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
