import { Button, Modal, Textarea } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { ALERTS_KEY, CORRELATION_KEY, SPENDS_KEY } from "../../api/events";
import { acceptSpend } from "../../api/own";
import { networkName, shortHash } from "../../model/bitcoin";
import { satsText, standingText, type Spend } from "../../model/custody";
import { useAuthor } from "../../state/stored";
import { AuthorField } from "../../ui/AuthorField";
import { Problem } from "../../ui/Problem";

const NOTE_CHARS_MAX = 2_000; // as the server has it

/** What will be said to be in order, so that nobody accepts the row beside it. */
function What({ spend }: { spend: Spend }) {
  return (
    <p>
      <strong>{satsText(spend.amount_sats, spend.coin)}</strong> left <strong>{spend.wallet}</strong> ({networkName(spend)}): {standingText(spend)}.
      <br />
      <code className="as-mono as-break as-small">{spend.txid}</code>
    </p>
  );
}

function AcceptForm({ spend, onClose }: { spend: Spend; onClose: () => void }) {
  const [stored, store] = useAuthor();
  const [author, setAuthor] = useState(stored);
  const [note, setNote] = useState("");
  const cache = useQueryClient();
  const accepting = useMutation({
    mutationFn: () => acceptSpend(spend, author.trim(), note.trim()),
    onSuccess: async () => {
      store(author.trim());
      await Promise.all([SPENDS_KEY, ALERTS_KEY, CORRELATION_KEY].map((queryKey) => cache.invalidateQueries({ queryKey })));
      onClose();
    },
  });
  return (
    <Modal opened onClose={onClose} title={`Accept spend ${shortHash(spend.txid)}`} lockScroll={false} closeButtonProps={{ "aria-label": "Close" }}>
      <form
        className="as-form"
        onSubmit={(event) => {
          event.preventDefault();
          accepting.mutate();
        }}
      >
        <What spend={spend} />
        <p className="as-dim">
          You say that it is in order. Its alert ends, and it counts as accepted from now on. It stays on record with your name and reason; this
          cannot be undone, and the transaction itself is not touched.
        </p>
        <AuthorField value={author} onChange={setAuthor} isFirst={stored === ""} />
        <Textarea
          label="Why it is in order"
          size="xs"
          rows={3}
          resize="vertical"
          required
          data-autofocus={stored !== "" || undefined}
          maxLength={NOTE_CHARS_MAX}
          value={note}
          onChange={(event) => setNote(event.currentTarget.value)}
        />
        {accepting.error && <Problem problem={accepting.error} what="It was not accepted." />}
        <div className="as-row as-form-end">
          <Button variant="default" size="xs" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" size="xs" disabled={author.trim() === "" || note.trim() === ""} loading={accepting.isPending}>
            Accept this spend
          </Button>
        </div>
      </form>
    </Modal>
  );
}

/** A button that asks by whose word and why an unmatched spend is in order. */
export function AcceptSpend({ spend }: { spend: Spend }) {
  const [isAsked, setIsAsked] = useState(false);
  return (
    <>
      <Button size="compact-xs" variant="default" aria-label={`Accept ${shortHash(spend.txid)}`} onClick={() => setIsAsked(true)}>
        Accept
      </Button>
      {isAsked && <AcceptForm spend={spend} onClose={() => setIsAsked(false)} />}
    </>
  );
}
