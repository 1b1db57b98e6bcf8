import type { Spend } from "../../model/custody";
import { satsText } from "../../model/custody";
import { href } from "../../state/location";
import { Link } from "../../ui/Link";
import { AcceptSpend } from "../custody/AcceptSpend";

/** How a spend of ours stands to its request and its signature. */
export function SpendNote({ spend }: { spend: Spend }) {
  const isAlarming = spend.state === "unmatched";
  return (
    <div className={isAlarming ? "as-warning as-warning-error" : "as-warning as-warning-calm"} role={isAlarming ? "alert" : undefined}>
      <strong>{spend.wallet}</strong> spends {satsText(spend.amount_sats)}:{" "}
      {spend.lacks.length > 0 ? `lacks ${spend.lacks.join(", ")}` : "request, approval and signature are there"} ({spend.state}).{" "}
      <Link className="as-link" href={href("custody")}>
        All spends
      </Link>{" "}
      {isAlarming && <AcceptSpend spend={spend} />}
    </div>
  );
}
