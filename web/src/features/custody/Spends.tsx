import { shortHash } from "../../model/bitcoin";
import { byConcern, satsText, type Spend } from "../../model/custody";
import { href } from "../../state/location";
import { Icon } from "../../ui/icons";
import { Link } from "../../ui/Link";
import { Ago } from "../../ui/Time";

const LOOKS: Record<Spend["result"], { word: string; color: string }> = {
  unmatched: { word: "Nobody asked for it", color: "var(--as-error)" },
  waiting: { word: "Waiting for its other two", color: "var(--as-warn)" },
  late: { word: "Matched late", color: "var(--as-warn)" },
  matched: { word: "Matched", color: "var(--as-ok)" },
};

/** The three that a spend needs, each with whether it is there. */
const NEEDED = ["request", "approval", "signature"];

function Row({ spend, nowMs }: { spend: Spend; nowMs: number }) {
  const looks = LOOKS[spend.result];
  const isOpen = spend.result === "unmatched" || spend.result === "waiting";
  return (
    <li className="as-spend" data-result={spend.result} data-testid="spend" style={{ borderLeftColor: looks.color }}>
      <div className="as-row">
        <strong style={{ color: looks.color }}>{looks.word}</strong>
        <span className="as-dim as-small">{spend.wallet}</span>
        <span className="as-end as-nowrap as-small">{satsText(spend.amount_sats)}</span>
      </div>
      <div className="as-row as-small">
        {NEEDED.map((part) => {
          const isMissing = spend.lacks.includes(part);
          return (
            <span key={part} className={isMissing ? (isOpen ? "as-chip as-chip-error" : "as-chip as-chip-warn") : "as-chip as-chip-good"}>
              <Icon name={isMissing ? "close" : "check"} size={11} /> {isMissing ? `no ${part}` : part}
            </span>
          );
        })}
        {spend.seen_at && (
          <span className="as-dim">
            <Ago at={spend.seen_at} nowMs={nowMs} />
          </span>
        )}
        <span className="as-end as-row">
          <Link className="as-link as-mono" href={href(`correlation/${spend.correlation_id || spend.txid}`)} title={spend.txid}>
            {shortHash(spend.txid)}
          </Link>
          {isOpen && (
            <Link className="as-link" href={href("logs", { q: `"${spend.txid}"`, from: "-24h" })}>
              Logs
            </Link>
          )}
        </span>
      </div>
    </li>
  );
}

/** Each spend of our outputs against its signature and its request: what nobody asked for stands first. */
export function Spends({ spends, nowMs }: { spends: readonly Spend[]; nowMs: number }) {
  return (
    <ul className="as-rows">
      {byConcern(spends).map((spend) => (
        <Row key={`${spend.wallet}/${spend.txid}`} spend={spend} nowMs={nowMs} />
      ))}
    </ul>
  );
}
