import { shortHash } from "../../model/bitcoin";
import type { Spend } from "../../model/custody";
import { href } from "../../state/location";
import { Link } from "../../ui/Link";

function TransactionLink({ txid }: { txid: string }) {
  return (
    <Link className="as-link as-mono" href={href(`correlation/${txid}`)} title={txid}>
      {shortHash(txid)}
    </Link>
  );
}

/** Which transaction a spend replaces, and which others spend the same outputs. Nothing where it stands alone. */
export function SpendRivals({ spend }: { spend: Spend }) {
  const rivals = spend.rivals.filter((txid) => txid !== spend.replaces);
  if (!spend.replaces && rivals.length === 0) return null;
  return (
    <div className="as-row as-small">
      {spend.replaces && (
        <span>
          replaces <TransactionLink txid={spend.replaces} />
        </span>
      )}
      {rivals.length > 0 && (
        <span className="as-row">
          spends the same outputs as
          {rivals.map((txid) => (
            <TransactionLink key={txid} txid={txid} />
          ))}
        </span>
      )}
      <span className="as-dim">at most one of them is ever mined</span>
    </div>
  );
}
