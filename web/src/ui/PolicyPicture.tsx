import { pictureOf, type PolicyLevel } from "../model/routing";
import { formatDuration } from "../model/units";

interface Props {
  levels: readonly PolicyLevel[];
  /** Seconds since the policy began; draws where it stands. */
  nowS?: number | null;
  /** The last level that was told, from 0. */
  told?: number;
}

function percent(share: number): string {
  return `${Math.min(Math.max(share, 0), 1) * 100}%`;
}

/** A policy over time: a lane a level, a dot each time somebody is told while nobody answers. */
export function PolicyPicture({ levels, nowS = null, told = -1 }: Props) {
  const picture = pictureOf(levels);
  return (
    <div className="as-policy" role="list" aria-label="Levels over time">
      {picture.lanes.map((lane, index) => (
        <div key={index} className="as-policy-lane" role="listitem" data-told={index <= told}>
          <div className="as-policy-name">
            <b>{index + 1}</b> {lane.level.channels.join(", ") || "nobody"}
            <span className="as-dim as-small">
              {lane.level.delay_s === 0 ? "at once" : `after ${formatDuration(lane.level.delay_s)}`}
              {lane.level.repeat_s ? `, then every ${formatDuration(lane.level.repeat_s)}` : ", not repeated"}
            </span>
          </div>
          <div className="as-policy-track" aria-hidden="true">
            <i className="as-policy-bar" style={{ left: percent(lane.start), right: lane.told.length > 1 ? 0 : percent(1 - lane.start) }} />
            {lane.told.map((share) => (
              <i key={share} className="as-policy-dot" style={{ left: percent(share) }} />
            ))}
            {nowS !== null && <i className="as-policy-now" style={{ left: percent(nowS / picture.lengthS) }} />}
          </div>
        </div>
      ))}
      <div className="as-policy-scale as-dim" aria-hidden="true">
        {picture.marksS.map((mark) => (
          <span key={mark} style={{ left: percent(mark / picture.lengthS) }}>
            {mark === 0 ? "0" : formatDuration(mark)}
          </span>
        ))}
      </div>
    </div>
  );
}
