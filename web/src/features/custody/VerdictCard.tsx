import type { Reason, Verdict, VerdictLevel } from "../../model/verdict";
import { href } from "../../state/location";
import { Icon, type IconName } from "../../ui/icons";
import { Link } from "../../ui/Link";
import { Time } from "../../ui/Time";

const REASONS_SHOWN = 5; // more than are read in three seconds
const LOOKS: Record<VerdictLevel, { word: string; says: string; color: string; icon: IconName }> = {
  hold: { word: "Hold withdrawals", says: "Send nothing before this is cleared.", color: "var(--as-error)", icon: "close" },
  look: { word: "Money can move", says: "Nothing hinders it; look at this.", color: "var(--as-warn)", icon: "warning" },
  go: { word: "Money can move", says: "", color: "var(--as-ok)", icon: "check" },
  unknown: { word: "Not known", says: "", color: "var(--as-dim)", icon: "help" },
};

export interface Watched {
  readonly nodes: number;
  readonly wallets: number;
  readonly hsms: number;
}

const some = (count: number, what: string) => (count === 0 ? `no ${what} is watched` : `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"} well`);

/** What a calm verdict stands on. */
function says({ level }: Verdict, { nodes, wallets, hsms }: Watched): string {
  if (level === "unknown") return "Nothing is watched yet: name nodes and HSMs in anyascope.yml, as is shown below.";
  if (level === "go") return `${some(nodes, "node")}, ${some(wallets, "wallet")}, ${some(hsms, "HSM")}.`;
  return LOOKS[level].says;
}

function Reasons({ reasons }: { reasons: readonly Reason[] }) {
  const more = reasons.length - REASONS_SHOWN;
  return (
    <ul className="as-verdict-reasons" aria-label="Why">
      {reasons.slice(0, REASONS_SHOWN).map((reason) => (
        <li key={`${reason.place} ${reason.text}`} data-level={reason.level}>
          <Icon name={reason.level === "hold" ? "close" : "warning"} size={13} />
          <Link className="as-link as-break" href={href("custody", { at: reason.place })}>
            {reason.text}
          </Link>
        </li>
      ))}
      {more > 0 && <li className="as-dim">and {more.toLocaleString("en")} more below</li>}
    </ul>
  );
}

/** The one answer that the page is opened for, readable across the room. Of an old answer (`oldMs`) nothing is said but its age. */
export function VerdictCard({ verdict, watched, oldMs }: { verdict: Verdict; watched: Watched; oldMs: number | null }) {
  const looks = LOOKS[oldMs === null ? verdict.level : "unknown"];
  return (
    <section className="as-card as-verdict" aria-label="Can money move?" style={{ borderLeftColor: looks.color }} data-testid="verdict" data-level={oldMs === null ? verdict.level : "unknown"}>
      <span style={{ color: looks.color }}>
        <Icon name={looks.icon} size={28} />
      </span>
      <div className="as-verdict-text">
        <div role="status">
          <div className="as-verdict-word" style={{ color: looks.color }}>
            {looks.word}
          </div>
          <div className="as-dim">
            {oldMs === null ? (
              says(verdict, watched)
            ) : (
              <>
                Part of what stands below is of <Time at={oldMs} parts="time" /> or older: the server does not answer.
              </>
            )}
          </div>
        </div>
        {verdict.reasons.length > 0 && <Reasons reasons={verdict.reasons} />}
      </div>
    </section>
  );
}

/** The same while the answers are on their way: as high as the shortest answer. */
export function VerdictComing() {
  return (
    <section className="as-card as-verdict" aria-label="Can money move?" data-testid="verdict" data-level="coming">
      <span className="as-dim">
        <Icon name="clock" size={28} />
      </span>
      <div className="as-verdict-text">
        <div className="as-verdict-word as-dim">Asking …</div>
        <div className="as-dim">nodes, wallets, spends and HSMs</div>
      </div>
    </section>
  );
}
