import { PROOF_WORDS, satsText, standingText, type Spend } from "../../model/custody";
import { href } from "../../state/location";
import { Link } from "../../ui/Link";
import { AcceptSpend } from "../custody/AcceptSpend";
import { SpendRivals } from "../custody/SpendRivals";

/** How a spend of ours stands to its request and its signature. */
export function SpendNote({ spend }: { spend: Spend }) {
  const isAlarming = spend.state === "unmatched";
  return (
    <div className={isAlarming ? "as-warning as-warning-error" : "as-warning as-warning-calm"} role={isAlarming ? "alert" : undefined}>
      <strong>{spend.wallet}</strong> spends {satsText(spend.amount_sats, spend.coin)}:{" "}
      {standingText(spend)} ({spend.state}). {spend.signature && `${PROOF_WORDS[spend.signature].long} `}
      <Link className="as-link" href={href("custody")}>
        All spends
      </Link>{" "}
      {isAlarming && <AcceptSpend spend={spend} />}
      <SpendRivals spend={spend} />
    </div>
  );
}
