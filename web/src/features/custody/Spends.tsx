import { memo } from "react";

import { shortHash } from "../../model/bitcoin";
import { byConcern, lackWords, satsText, standingText, type Spend, type SpendState } from "../../model/custody";
import { placeOfSpend } from "../../model/verdict";
import { href } from "../../state/location";
import { Icon } from "../../ui/icons";
import { Link } from "../../ui/Link";
import { TickingAgo } from "../../ui/Ticking";
import { AcceptSpend } from "./AcceptSpend";
import { SignatureChip } from "./SignatureChip";
import { SpendRivals } from "./SpendRivals";

const LOOKS: Record<SpendState, { word: string; color: string }> = {
  unmatched: { word: "Nobody asked for it", color: "var(--as-error)" },
  waiting: { word: "Waiting for its other two", color: "var(--as-warn)" },
  accepted: { word: "Accepted by a person", color: "var(--as-warn)" },
  late: { word: "Matched late", color: "var(--as-warn)" },
  matched: { word: "Matched", color: "var(--as-ok)" },
  history: { word: "Made before its wallet was watched", color: "var(--as-dim)" },
};

/** What a spend needs; the amount is told where it differs. */
const NEEDED = ["request", "approval", "signature"];

function Needs({ spend }: { spend: Spend }) {
  if (spend.state === "waiting" || spend.state === "history") return <span className="as-dim">{standingText(spend)}</span>;
  const missing = spend.state === "unmatched" ? "as-chip as-chip-error" : "as-chip as-chip-warn";
  return [...NEEDED, ...spend.lacks.filter((part) => !NEEDED.includes(part))].map((part) => {
    if (spend.lacks.includes(part)) {
      const text = spend.state === "late" && NEEDED.includes(part) ? `${lackWords(part)} in time` : lackWords(part);
      return (
        <span key={part} className={missing}>
          <Icon name="close" size={11} /> {text}
        </span>
      );
    }
    if (part === "signature") return <SignatureChip key={part} proof={spend.signature} />;
    return (
      <span key={part} className="as-chip as-chip-good">
        <Icon name="check" size={11} /> {part}
      </span>
    );
  });
}

const Row = memo(function Row({ spend }: { spend: Spend }) {
  const looks = LOOKS[spend.state];
  const isOpen = spend.state === "unmatched" || spend.state === "waiting";
  return (
    <li className="as-spend" data-result={spend.state} data-testid="spend" data-at={placeOfSpend(spend.txid)} style={{ borderLeftColor: looks.color }}>
      <div className="as-row">
        <strong style={{ color: looks.color }}>{looks.word}</strong>
        <span className="as-dim as-small">
          {[spend.operation, spend.wallet].filter(Boolean).join(" from ")}
          {spend.is_gone && ", replaced or in conflict"}
        </span>
        <span className="as-end as-nowrap as-small">{satsText(spend.amount_sats, spend.coin)}</span>
      </div>
      <div className="as-row as-small">
        <Needs spend={spend} />
        {spend.seen_at && (
          <span className="as-dim">
            <TickingAgo at={spend.seen_at} />
          </span>
        )}
        <span className="as-end as-row">
          <Link className="as-link as-mono" href={href(`correlation/${spend.correlation_ids[0] ?? spend.txid}`)} title={spend.txid}>
            {shortHash(spend.txid)}
          </Link>
          {isOpen && (
            <Link className="as-link" href={href("logs", { q: `"${spend.txid}"`, from: "-24h" })}>
              Logs
            </Link>
          )}
          {spend.state === "unmatched" && <AcceptSpend spend={spend} />}
        </span>
      </div>
      <SpendRivals spend={spend} />
      {spend.accepted_by && (
        <div className="as-small as-dim">
          by {spend.accepted_by}: {spend.note}
        </div>
      )}
    </li>
  );
});

/** Each spend of our outputs against its signature and its request: what nobody asked for stands first. */
export function Spends({ spends }: { spends: readonly Spend[] }) {
  return (
    <ul className="as-rows">
      {byConcern(spends).map((spend) => (
        <Row key={`${spend.wallet}/${spend.txid}`} spend={spend} />
      ))}
    </ul>
  );
}
