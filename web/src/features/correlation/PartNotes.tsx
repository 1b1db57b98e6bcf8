import { partNotes, type ShownCorrelation } from "../../model/correlationParts";
import { Time } from "../../ui/Time";

/** Which parts of the answer are missing or old, and why. */
export function PartNotes({ found }: { found: ShownCorrelation }) {
  return partNotes(found).map(({ text, atMs, also }) => (
    <div key={text} className="as-warning" role="status" data-testid="part">
      {atMs === null ? (
        <>Not all is here. {text}</>
      ) : (
        <>
          {text}. Shown as of <Time at={atMs} parts="time" />
          {also.length > 0 && `, with ${also.join(", ")}`}.
        </>
      )}
    </div>
  ));
}
