import { Button } from "@mantine/core";

import { formatDuration } from "../../model/units";
import { useNow } from "../../state/now";
import { Icon } from "../../ui/icons";
import { Time } from "../../ui/Time";

const CLOCK_MS = 1_000;

/** Over every page while the server does not answer: nothing below it is new. */
export function Away({ sinceMs, onRetry }: { sinceMs: number; onRetry: () => void }) {
  const nowMs = useNow(CLOCK_MS);
  return (
    <div className="as-away" role="alert" data-testid="away">
      <Icon name="warning" size={18} />
      <div>
        <strong>
          Disconnected since <Time at={sinceMs} parts="time" />
        </strong>
        <span aria-live="off"> ({formatDuration(Math.max(0, Math.floor((nowMs - sinceMs) / 1000)))})</span>: the server does not answer, and nothing here is newer than
        that. Is anyascope running? Trying again.
      </div>
      <Button size="compact-xs" variant="default" className="as-end" onClick={onRetry}>
        Try now
      </Button>
    </div>
  );
}
