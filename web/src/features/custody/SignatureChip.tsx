import { PROOF_WORDS, type SignatureProof } from "../../model/custody";
import { Icon } from "../../ui/icons";

/** That a spend was signed, and how that is known: explained in its tooltip. */
export function SignatureChip({ proof }: { proof: SignatureProof }) {
  const words = proof === "" ? { short: "signature", long: undefined } : PROOF_WORDS[proof];
  return (
    <span className="as-chip as-chip-good" title={words.long}>
      <Icon name="check" size={11} /> {words.short}
    </span>
  );
}
