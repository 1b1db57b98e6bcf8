import { Button, Modal, TextInput, Textarea } from "@mantine/core";
import { useState } from "react";

import type { Alert } from "../../model/alerts";
import { DURATIONS } from "../../model/silences";
import { parseDuration } from "../../model/time";
import type { AlertAction } from "../../model/timeline";
import { useAuthor } from "../../state/stored";
import { AuthorField } from "../../ui/AuthorField";
import { DurationField } from "../../ui/DurationField";
import { Problem } from "../../ui/Problem";
import { ACTS, useAct, type ActOutcome } from "./acts";

interface Props {
  action: AlertAction;
  alerts: readonly Alert[];
  onClose: () => void;
  onDone: (outcome: ActOutcome) => void;
}

const NOTE_CHARS_MAX = 4_000;

interface Draft {
  readonly to: string;
  readonly length: string;
  readonly note: string;
}

function Fields({ action, draft, onChange }: { action: AlertAction; draft: Draft; onChange: (draft: Draft) => void }) {
  const looks = ACTS[action];
  return looks.fields.map((field) => {
    if (field === "to") {
      return (
        <TextInput key={field} label="To" size="xs" required data-autofocus value={draft.to} onChange={(event) => onChange({ ...draft, to: event.currentTarget.value })} />
      );
    }
    if (field === "for") {
      const description = looks.isForOptional ? "Empty: as its policy says, else until it is resolved." : "Then it is told again.";
      return (
        <DurationField key={field} label="For how long" description={description} value={draft.length} presets={DURATIONS.slice(0, 5)} onChange={(length) => onChange({ ...draft, length })} />
      );
    }
    return (
      <Textarea
        key={field}
        label={field === "text" ? "Comment" : "Note"}
        size="xs"
        rows={2}
        resize="vertical"
        maxLength={NOTE_CHARS_MAX}
        required={field === "text"}
        value={draft.note}
        onChange={(event) => onChange({ ...draft, note: event.currentTarget.value })}
      />
    );
  });
}

/** Asks for what an act needs, does it, and says what failed. */
export function ActForm({ action, alerts, onClose, onDone }: Props) {
  const looks = ACTS[action];
  const [storedAuthor, storeAuthor] = useAuthor();
  const [author, setAuthor] = useState(storedAuthor);
  const [draft, setDraft] = useState<Draft>({ to: "", length: looks.fields.includes("for") && !looks.isForOptional ? "1h" : "", note: "" });
  const doing = useAct();
  const lengthMs = draft.length === "" ? null : parseDuration(draft.length);
  const lacks =
    author.trim() === "" ||
    (looks.fields.includes("to") && draft.to.trim() === "") ||
    (looks.fields.includes("text") && draft.note.trim() === "") ||
    (looks.fields.includes("for") && (draft.length === "" ? !looks.isForOptional : !lengthMs));
  const submit = async () => {
    storeAuthor(author.trim());
    const details = {
      ...(looks.fields.includes("to") ? { to: draft.to.trim() } : {}),
      ...(looks.fields.includes("text") ? { text: draft.note.trim() } : {}),
      ...(looks.fields.includes("note") && draft.note.trim() !== "" ? { note: draft.note.trim() } : {}),
      ...(lengthMs ? { for_s: lengthMs / 1000 } : {}),
    };
    const failed = doing.data?.failed.map(({ alert }) => alert) ?? [];
    const outcome = await doing.mutateAsync({ alerts: failed.length > 0 ? failed : alerts, action, by: author.trim(), details });
    if (outcome.failed.length === 0) onDone(outcome);
  };
  const what = alerts.length === 1 ? (alerts[0]?.title || alerts[0]?.name) : `${alerts.length} alerts`;
  return (
    <Modal opened onClose={onClose} title={`${looks.label}: ${what}`} lockScroll={false} closeButtonProps={{ "aria-label": "Close" }}>
      <form
        className="as-form"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <p className="as-dim">{looks.does}</p>
        <AuthorField value={author} onChange={setAuthor} />
        <Fields action={action} draft={draft} onChange={setDraft} />
        {doing.data?.failed.map(({ alert, problem }) => (
          <Problem key={alert.id} problem={problem} what={`${alert.title || alert.name}:`} />
        ))}
        <div className="as-row as-form-end">
          <Button variant="default" size="xs" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" size="xs" disabled={lacks} loading={doing.isPending}>
            {looks.label}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
