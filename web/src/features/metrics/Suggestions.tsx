const EXAMPLES: readonly (readonly [string, string])[] = [
  ["What is being scraped, and does it answer", "up"],
  ["CPU by mode", 'sum by (mode) (rate(node_cpu_seconds_total{mode!="idle"}[1m]))'],
  ["Memory in use", "node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes"],
  ["Network in, by device", "sum by (device) (rate(node_network_receive_bytes_total[1m]))"],
  ["Disk space left", "node_filesystem_avail_bytes"],
];

/** What to ask first. */
export function Suggestions({ onChoose }: { onChoose: (query: string) => void }) {
  return (
    <div className="as-state" data-state="empty">
      <h2>Ask for a metric</h2>
      <p>Type a name to see what there is, or start with one of these:</p>
      <div className="as-suggestions">
        {EXAMPLES.map(([says, query]) => (
          <button key={query} type="button" className="as-plain as-suggestion" onClick={() => onChoose(query)}>
            <span>{says}</span>
            <code className="as-mono as-clip">{query}</code>
          </button>
        ))}
      </div>
    </div>
  );
}
