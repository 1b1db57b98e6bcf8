/** What can be done about alerts, and doing it. */

import { useMutation, useQueryClient } from "@tanstack/react-query";

import { ALERTS_KEY } from "../../api/events";
import { act, type ActDetails } from "../../api/own";
import type { Alert } from "../../model/alerts";
import type { AlertAction } from "../../model/timeline";

export type ActField = "to" | "for" | "note" | "text";

export interface ActLooks {
  readonly label: string;
  readonly does: string;
  readonly fields: readonly ActField[];
  /** Whether its length may be left open. */
  readonly isForOptional?: boolean;
}

export const ACTS: Readonly<Record<AlertAction, ActLooks>> = {
  acknowledge: { label: "Acknowledge", does: "You take it on: the escalation stops until it is resolved, or until the time that you give, or its policy, is over.", fields: ["for", "note"], isForOptional: true },
  unacknowledge: { label: "Take back", does: "Nobody has it any more: the escalation begins anew.", fields: [] },
  assign: { label: "Assign", does: "Say who works on it.", fields: ["to"] },
  comment: { label: "Comment", does: "A line in the time line, for whoever looks next.", fields: ["text"] },
  snooze: { label: "Snooze", does: "Nobody is told of this alert until then; if it fires still, its escalation begins anew.", fields: ["for", "note"] },
  resolve: { label: "Resolve", does: "It is over, whatever the rule says; it fires anew when it is reported again.", fields: ["note"] },
  escalate: { label: "Escalate now", does: "The next level is told at once, or the last one again.", fields: ["note"] },
};

export interface ActOutcome {
  readonly done: number;
  readonly failed: readonly { readonly alert: Alert; readonly problem: unknown }[];
  /** What the server tells of others who acted too. */
  readonly notices: readonly string[];
}

export interface ActAsked {
  readonly alerts: readonly Alert[];
  readonly action: AlertAction;
  readonly by: string;
  readonly details: ActDetails;
}

const AT_ONCE_MAX = 4; // a browser opens six connections to a server, the live stream holds one

async function run({ alerts, action, by, details }: ActAsked): Promise<ActOutcome> {
  const failed: { alert: Alert; problem: unknown }[] = [];
  const notices: string[] = [];
  const waiting = [...alerts];
  const work = async () => {
    for (let alert = waiting.shift(); alert; alert = waiting.shift()) {
      try {
        const answer = await act(alert.id, action, by, details);
        if (answer.notice) notices.push(answer.notice);
      } catch (problem) {
        failed.push({ alert, problem });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE_MAX, alerts.length) }, work));
  return { done: alerts.length - failed.length, failed, notices };
}

/** Does one act on some alerts; what failed is told, the rest stands. */
export function useAct() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: run,
    onSettled: async (_outcome, _error, asked) => {
      await Promise.all([
        cache.invalidateQueries({ queryKey: ALERTS_KEY }),
        ...asked.alerts.map((alert) => cache.invalidateQueries({ queryKey: ["alert", alert.id] })),
      ]);
    },
  });
}
