/** What the server remarked beside the result. */
export function Warnings({ texts }: { texts: readonly string[] }) {
  if (texts.length === 0) return null;
  return (
    <div className="as-warning" role="status">
      {texts.map((text) => (
        <div key={text}>{text}</div>
      ))}
    </div>
  );
}
