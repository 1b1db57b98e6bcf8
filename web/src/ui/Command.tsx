import { CopyButton } from "./CopyButton";

/** A line that is broken between words only: `-rpcwallet=hot` is typed as one, and is read as one. */
function Line({ text }: { text: string }) {
  return text.split(/(\s+)/).map((part, index) =>
    /^\s*$/.test(part) ? (
      part
    ) : (
      <span key={index} className="as-command-word">
        {part}
      </span>
    ),
  );
}

interface Props {
  /** What is shown, and what is copied. */
  text: string;
  /** What it is, for who hears the page: `the command`. */
  what: string;
}

/** What is typed elsewhere, or stands in a file: shown as it is, and taken with one press. */
export function Command({ text, what }: Props) {
  const lines = text.replace(/\n$/, "").split("\n");
  return (
    <div className="as-command">
      <pre tabIndex={0} role="group" aria-label={what}>
        {lines.map((line, index) => (
          <span key={index}>
            {index > 0 && "\n"}
            <Line text={line} />
          </span>
        ))}
      </pre>
      <CopyButton label="Copy" what={what} text={() => text} />
    </div>
  );
}
