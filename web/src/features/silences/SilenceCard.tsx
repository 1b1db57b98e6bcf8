import { describeRecurrence, writeMatcher, type Silence, type SilenceState } from "../../model/silences";
import { href, navigate } from "../../state/location";
import { Icon } from "../../ui/icons";
import { Ago, Time } from "../../ui/Time";
import { SilenceActs } from "./SilenceActs";

const STATE_COLORS: Record<SilenceState, string> = { active: "var(--as-ok)", pending: "var(--as-warn)", expired: "var(--as-dim)" };

function When({ silence, nowMs }: { silence: Silence; nowMs: number }) {
  if (silence.state === "expired") {
    return (
      <>
        ended <Ago at={silence.ends_at} nowMs={nowMs} />
      </>
    );
  }
  return (
    <>
      {silence.next_change_at && (silence.recurrence || silence.state === "pending") && (
        <>
          {silence.state === "active" ? "holds until" : silence.recurrence ? "holds next from" : "begins"} <Time at={silence.next_change_at} />,{" "}
        </>
      )}
      ends <Time at={silence.ends_at} /> (<Ago at={silence.ends_at} nowMs={nowMs} />)
    </>
  );
}

function History({ silence }: { silence: Silence }) {
  return (
    <div className="as-silence-more">
      <table className="as-pairs">
        <tbody>
          <tr>
            <th scope="row">id</th>
            <td className="as-break">{silence.id}</td>
          </tr>
          <tr>
            <th scope="row">from</th>
            <td>
              <Time at={silence.starts_at} />
            </td>
          </tr>
          <tr>
            <th scope="row">to</th>
            <td>
              <Time at={silence.ends_at} />
            </td>
          </tr>
        </tbody>
      </table>
      <h3 className="as-small">History</h3>
      <ol className="as-silence-history">
        {silence.history.map((change, index) => (
          <li key={`${change.at}/${index}`}>
            <span className="as-dim">
              <Time at={change.at} />
            </span>{" "}
            {change.change}
            {change.by && <span> by {change.by}</span>}
          </li>
        ))}
      </ol>
    </div>
  );
}

/** One silence: what it keeps quiet, who wants it and why, until when; open, with its history. */
export function SilenceCard({ silence, isOpen, nowMs }: { silence: Silence; isOpen: boolean; nowMs: number }) {
  const here = window.location.search;
  return (
    <li className="as-card as-silence" data-state={silence.state} data-testid="silence">
      <div className="as-row">
        <strong style={{ color: STATE_COLORS[silence.state] }}>{silence.state}</strong>
        <span className="as-small">
          <When silence={silence} nowMs={nowMs} />
        </span>
        {silence.recurrence && (
          <span className="as-chip">
            <Icon name="refresh" size={12} /> {describeRecurrence(silence.recurrence)}
          </span>
        )}
        {silence.state !== "expired" && (
          <span className="as-chip as-end">
            {silence.matches_now} {silence.matches_now === 1 ? "alert" : "alerts"} now
          </span>
        )}
      </div>
      <div className="as-row as-silence-matchers">
        {silence.matchers.map((matcher) => (
          <code key={writeMatcher(matcher)} className="as-chip as-mono as-break">
            {writeMatcher(matcher)}
          </code>
        ))}
      </div>
      <p className="as-silence-comment">
        {silence.comment} <span className="as-dim">— {silence.created_by}</span>
      </p>
      {silence.state !== "expired" &&
        silence.warnings.map((warning) => (
          <div key={warning} className="as-warning">
            {warning}
          </div>
        ))}
      <div className="as-row">
        <SilenceActs silence={silence} />
        <button
          type="button"
          className="as-plain as-link as-small as-end"
          aria-expanded={isOpen}
          onClick={() => navigate(href(isOpen ? "silences" : `silences/${silence.id}`) + here, { replace: true })}
        >
          {isOpen ? "Less" : "History"}
        </button>
      </div>
      {isOpen && <History silence={silence} />}
    </li>
  );
}
