import { Button, Modal } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { ALERTS_KEY, SILENCES_KEY } from "../../api/events";
import { cloneSilence, expireSilence, extendSilence } from "../../api/own";
import { DURATIONS, writeMatcher, type Silence } from "../../model/silences";
import { parseDuration } from "../../model/time";
import { href, navigate } from "../../state/location";
import { useAuthor } from "../../state/stored";
import { AuthorField } from "../../ui/AuthorField";
import { DurationField } from "../../ui/DurationField";
import { Problem } from "../../ui/Problem";

type Act = "extend" | "clone" | "expire";

const LOOKS: Record<Act, { readonly label: string; readonly does: string }> = {
  extend: { label: "Extend", does: "It ends that much later." },
  clone: { label: "Clone", does: "A new one like it begins now, for that long." },
  expire: { label: "Expire", does: "It ends now: what still fires is told again." },
};

/** The answer's silence: a new one where the server had to make one. */
async function run(act: Act, id: string, by: string, forS: number): Promise<Silence> {
  switch (act) {
    case "extend":
      return extendSilence(id, by, forS);
    case "clone":
      return cloneSilence(id, by, forS);
    case "expire":
      return expireSilence(id, by);
  }
}

function ActForm({ act, silence, onClose }: { act: Act; silence: Silence; onClose: () => void }) {
  const [stored, store] = useAuthor();
  const [author, setAuthor] = useState(stored);
  const [length, setLength] = useState("1h");
  const cache = useQueryClient();
  const lengthMs = parseDuration(length);
  const doing = useMutation({
    mutationFn: () => run(act, silence.id, author.trim(), (lengthMs ?? 0) / 1000),
    onSuccess: async (changed) => {
      store(author.trim());
      await Promise.all([cache.invalidateQueries({ queryKey: SILENCES_KEY }), cache.invalidateQueries({ queryKey: ALERTS_KEY })]);
      onClose();
      if (changed.id !== silence.id) navigate(href(`silences/${changed.id}`));
    },
  });
  return (
    <Modal opened onClose={onClose} title={`${LOOKS[act].label} a silence`} lockScroll={false} closeButtonProps={{ "aria-label": "Close" }}>
      <form
        className="as-form"
        onSubmit={(event) => {
          event.preventDefault();
          doing.mutate();
        }}
      >
        <p className="as-dim">{LOOKS[act].does}</p>
        <code className="as-mono as-break">{silence.matchers.map(writeMatcher).join(", ")}</code>
        <AuthorField value={author} onChange={setAuthor} />
        {act !== "expire" && <DurationField label={act === "extend" ? "By how much" : "For how long"} value={length} presets={DURATIONS} onChange={setLength} />}
        {doing.error && <Problem problem={doing.error} what="It stays as it was." />}
        <div className="as-row as-form-end">
          <Button variant="default" size="xs" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" size="xs" disabled={author.trim() === "" || (act !== "expire" && !lengthMs)} loading={doing.isPending}>
            {LOOKS[act].label}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

/** What can be done with a silence: one that is over can only be made again. */
export function SilenceActs({ silence }: { silence: Silence }) {
  const [asked, setAsked] = useState<Act | null>(null);
  const acts: readonly Act[] = silence.state === "expired" ? ["clone"] : ["extend", "clone", "expire"];
  return (
    <>
      {acts.map((act) => (
        <Button key={act} size="compact-xs" variant="default" onClick={() => setAsked(act)}>
          {LOOKS[act].label}
        </Button>
      ))}
      {asked && <ActForm act={asked} silence={silence} onClose={() => setAsked(null)} />}
    </>
  );
}
