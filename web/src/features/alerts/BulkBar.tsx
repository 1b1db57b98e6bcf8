import { Button } from "@mantine/core";

import type { Alert } from "../../model/alerts";
import { navigate } from "../../state/location";
import { silenceHref } from "./silenceHref";

interface Props {
  picked: readonly Alert[];
  /** What was done last. */
  said: string;
  onAcknowledge: () => void;
  onClear: () => void;
}

/** What can be done with the selected alerts at once; it stays in sight while the list scrolls. */
export function BulkBar({ picked, said, onAcknowledge, onClear }: Props) {
  return (
    <div className="as-bulk" data-shown={picked.length > 0} role="region" aria-label="Selected alerts">
      <span role="status" className="as-small">
        {picked.length > 0 ? `${picked.length} selected` : said}
      </span>
      {picked.length > 0 && (
        <>
          <Button size="compact-sm" onClick={onAcknowledge}>
            Acknowledge
          </Button>
          <Button size="compact-sm" variant="default" onClick={() => navigate(silenceHref(picked))}>
            Silence
          </Button>
          <Button size="compact-sm" variant="subtle" onClick={onClear}>
            Let go
          </Button>
        </>
      )}
    </div>
  );
}
