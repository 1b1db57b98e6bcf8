import type { Stage } from "../../model/correlation";
import { formatDuration } from "../../model/units";
import { Icon, type IconName } from "../../ui/icons";
import { Time } from "../../ui/Time";

const LOOKS: Record<Stage["state"], { icon: IconName; color: string; word: string }> = {
  done: { icon: "check", color: "var(--as-ok)", word: "done" },
  failed: { icon: "close", color: "var(--as-error)", word: "failed" },
  open: { icon: "clock", color: "var(--as-warn)", word: "under way" },
  missing: { icon: "warning", color: "var(--as-error)", word: "missing" },
  waiting: { icon: "minus", color: "var(--as-dim)", word: "not yet" },
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
              {looks.word}
              {stage.tookS !== null && <span className="as-dim"> after {formatDuration(stage.tookS)}</span>}
            </span>
            {stage.atMs !== null && (
              <span className="as-small as-dim">
                <Time at={stage.atMs} parts="time-ms" />
              </span>
            )}
            {stage.detail && <span className="as-small as-break">{stage.detail}</span>}
          </li>
        );
      })}
    </ol>
  );
}
