import { SETBACK_WORDS, type Setback } from "../../model/correlation";
import { Time } from "../../ui/Time";

/** What did not go straight on, and whether it was made good. */
export function Setbacks({ setbacks }: { setbacks: readonly Setback[] }) {
  if (setbacks.length === 0) return null;
  return (
    <ul className="as-setbacks" aria-label="Setbacks">
      {setbacks.map((setback) => (
        <li key={`${setback.kind}/${setback.at}/${setback.txid}`} className="as-setback" data-over={setback.is_over} data-testid="setback">
          <span className="as-dim as-mono">
            <Time at={setback.at} parts="time-ms" />
          </span>
          <strong>{SETBACK_WORDS[setback.kind]}</strong>
          <span className="as-break">{setback.detail}</span>
          {setback.txid && (
            <span className="as-dim as-mono as-clip" title={setback.txid}>
              {setback.txid}
            </span>
          )}
          <span className="as-end as-small">{setback.is_over ? "made good since" : "still so"}</span>
        </li>
      ))}
    </ul>
  );
}
