import { STATE_WORDS, type Stage } from "../../model/correlation";
import { formatDuration } from "../../model/units";
import { Icon, type IconName } from "../../ui/icons";
import { Time } from "../../ui/Time";

const LOOKS: Record<Stage["state"], { icon: IconName; color: string }> = {
  done: { icon: "check", color: "var(--as-ok)" },
  failed: { icon: "close", color: "var(--as-error)" },
  open: { icon: "clock", color: "var(--as-warn)" },
  missing: { icon: "warning", color: "var(--as-error)" },
  waiting: { icon: "minus", color: "var(--as-dim)" },
};

/** The stages in their order, how long each took after the one before, and what is missing. */
export function StagePicture({ stages }: { stages: readonly Stage[] }) {
  return (
    <ol className="as-stages" aria-label="Stages">
      {stages.map((stage) => {
        const looks = LOOKS[stage.state];
        return (
          <li key={stage.name} className="as-stage" data-state={stage.state} data-testid={`stage-${stage.name}`}>
            <span className="as-stage-mark" style={{ color: looks.color }}>
              <Icon name={looks.icon} size={16} />
            </span>
            <strong>{stage.name}</strong>
            <span className="as-small" style={{ color: looks.color }}>
              {STATE_WORDS[stage.state]}
              {stage.took_ns !== null && <span className="as-dim"> after {formatDuration(stage.took_ns / 1e9)}</span>}
            </span>
            {stage.at !== null && (
              <span className="as-small as-dim">
                <Time at={stage.at} parts="time-ms" />
              </span>
            )}
            {stage.detail && <span className="as-small as-break">{stage.detail}</span>}
          </li>
        );
      })}
    </ol>
  );
}
