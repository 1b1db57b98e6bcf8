import type { HsmState } from "../../model/hsm";
import { Command } from "../../ui/Command";
import { TickingAgo } from "../../ui/Ticking";

/** What is another than it was accepted (mechanisms, firmware, keys), and what accepts it. */
export function HsmChanges({ state }: { state: HsmState }) {
  if (state.accepted_at === null) return null;
  const accepted = <TickingAgo at={state.accepted_at} />;
  if (state.changes.length === 0) return <div className="as-small as-dim">As it was accepted {accepted}</div>;
  const command = `anyascope hsm accept ${state.name}`;
  return (
    <div className="as-bump">
      <div>
        <strong>Changed</strong> since it was accepted {accepted}:
      </div>
      <ul className="as-hsm-changes" aria-label={`Changes of ${state.name}`}>
        {state.changes.map((change) => (
          <li key={change} className="as-break">
            {change}
          </li>
        ))}
      </ul>
      <Command text={command} what="the command" />
      <div className="as-dim">Only where it was meant: what is so now is then what it should be.</div>
    </div>
  );
}
