import type { Hsm, HsmState } from "../../model/hsm";
import { HEALTH_LOOKS } from "../../model/health";
import { formatAgo } from "../../model/time";
import { formatDuration } from "../../model/units";
import { placeOfHsm, replacedInWords } from "../../model/verdict";
import { useTick } from "../../state/tick";
import { HsmChanges } from "./HsmChanges";

const EXPIRY_SOON_S = 30 * 86_400;
const PINS: Readonly<Record<string, string>> = {
  ok: "PIN ok",
  low: "wrong PINs were tried",
  final_try: "one PIN try left",
  locked: "PIN locked",
  to_be_changed: "PIN must be changed",
  uninitialized: "no PIN set",
};

function Sessions({ hsm }: { hsm: Hsm }) {
  if (hsm.sessions === null) return null;
  return (
    <div className="as-small">
      {hsm.sessions.toLocaleString("en")}
      {hsm.sessionsMax !== null && ` of ${hsm.sessionsMax.toLocaleString("en")}`} sessions
      {hsm.exhaustedInS !== null && (
        <span style={{ color: "var(--as-error)" }}>
          : none left in {formatDuration(hsm.exhaustedInS)}
          {hsm.suspects.length > 0 && `, leaked by ${hsm.suspects.join(" or ")}`}
        </span>
      )}
    </div>
  );
}

function Canary({ one }: { one: Hsm["canaries"][number] }) {
  const nowMs = useTick();
  return (
    <span className={one.isWell ? "as-chip as-chip-good" : "as-chip as-chip-error"} title={one.lastS === null ? "never worked" : `worked ${formatAgo(one.lastS * 1000, nowMs)}`}>
      {one.operation.replace(/^canary_/, "")} {one.isWell ? "works" : "fails"}
    </span>
  );
}

function Expiry({ atS }: { atS: number }) {
  const leftS = atS - useTick() / 1000;
  if (leftS >= EXPIRY_SOON_S) return null;
  return <span className="as-chip as-chip-warn">{leftS > 0 ? `a certificate ends in ${formatDuration(leftS)}` : "a certificate has ended"}</span>;
}

function Row({ hsm, state }: { hsm: Hsm; state: HsmState | undefined }) {
  const looks = HEALTH_LOOKS[hsm.status];
  return (
    <li className="as-hsm" data-testid="hsm" data-at={placeOfHsm(hsm.name)}>
      <div className="as-row">
        <span className="as-dot" style={{ color: looks.color }} />
        <strong>{hsm.name}</strong>
        <span className="as-dim as-small">{[hsm.provider, hsm.token].filter(Boolean).join(" · ")}</span>
        <span className="as-end as-small" style={{ color: looks.color }}>
          {looks.word}
        </span>
      </div>
      {hsm.status !== "healthy" && hsm.message && (
        <div className="as-small">
          {!state?.changes.includes(hsm.message) && <div className="as-break">{hsm.message}</div>}
          {hsm.advice && <div className="as-dim">→ {hsm.advice}</div>}
        </div>
      )}
      <div className="as-row as-chips">
        {hsm.canaries.map((one) => (
          <Canary key={one.operation} one={one} />
        ))}
        {hsm.pin && <span className={hsm.pin === "ok" ? "as-chip as-chip-good" : "as-chip as-chip-error"}>{PINS[hsm.pin] ?? hsm.pin}</span>}
        {hsm.soPin && hsm.soPin !== "ok" && <span className="as-chip as-chip-error">security officer: {PINS[hsm.soPin] ?? hsm.soPin}</span>}
        {hsm.isLoginHeld && <span className="as-chip as-chip-error">login held back</span>}
        {hsm.mechanismsLost > 0 && <span className="as-chip as-chip-error">{hsm.mechanismsLost} mechanisms lost</span>}
        {hsm.missingKeys.map((label) => (
          <span key={label} className="as-chip as-chip-error">
            key {label} is missing
          </span>
        ))}
        {hsm.replacedKeys.map((label) => (
          <span key={label} className="as-chip as-chip-error">
            {replacedInWords(label)}
          </span>
        ))}
        {hsm.nextExpiryS !== null && <Expiry atS={hsm.nextExpiryS} />}
      </div>
      <Sessions hsm={hsm} />
      {hsm.keys.length > 0 && (
        <div className="as-small as-dim">
          Keys: {hsm.keys.map((one) => `${one.count.toLocaleString("en")} ${one.kind}`).join(", ")}
        </div>
      )}
      {state && <HsmChanges state={state} />}
    </li>
  );
}

/** Each HSM: whether it signs, what stands before a lock-out, who leaks its sessions, what changed since it was accepted. */
export function Hsms({ hsms, states }: { hsms: readonly Hsm[]; states: readonly HsmState[] }) {
  return (
    <ul className="as-rows" tabIndex={0} aria-label="HSMs">
      {hsms.map((hsm) => (
        <Row key={hsm.name} hsm={hsm} state={states.find((one) => one.name === hsm.name)} />
      ))}
    </ul>
  );
}
