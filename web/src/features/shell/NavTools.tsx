import { ActionIcon, Tooltip, useMantineColorScheme } from "@mantine/core";

import type { Connection } from "../../api/events";
import { zoneName } from "../../model/time";
import { useNow } from "../../state/now";
import { useZone } from "../../state/stored";
import { Icon } from "../../ui/icons";

const NEXT = { auto: "light", light: "dark", dark: "auto" } as const;
const SCHEMES = {
  auto: { icon: "system", label: "Colours follow the system" },
  light: { icon: "sun", label: "Light colours" },
  dark: { icon: "moon", label: "Dark colours" },
} as const;

const CONNECTIONS: Record<Connection, { color: string; text: string }> = {
  connecting: { color: "var(--as-dim)", text: "Connecting" },
  open: { color: "var(--as-ok)", text: "Live" },
  lost: { color: "var(--as-error)", text: "Connection lost, trying again" },
};

/** Colours, zone, help, and whether the server still talks to us. */
export function NavTools({ connection, onHelp }: { connection: Connection; onHelp: () => void }) {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const [zone, setZone] = useZone();
  const now = useNow(60_000);
  const scheme = SCHEMES[colorScheme];
  const state = CONNECTIONS[connection];
  return (
    <>
      <span role="status" className="as-row">
        <span className="as-dot" style={{ color: state.color }} />
        {state.text}
      </span>
      <button
        type="button"
        className="as-plain"
        onClick={() => setZone(zone === "utc" ? "local" : "utc")}
        title="Switch between your own zone and UTC"
      >
        Times in {zoneName(zone, now)}
      </button>
      <div className="as-nav-tools">
        <Tooltip label={scheme.label}>
          <ActionIcon
            variant="subtle"
            color="gray"
            onClick={() => setColorScheme(NEXT[colorScheme])}
            aria-label={`${scheme.label}; change`}
            data-testid="scheme"
          >
            <Icon name={scheme.icon} size={17} />
          </ActionIcon>
        </Tooltip>
        <Tooltip label="Keyboard shortcuts (?)">
          <ActionIcon variant="subtle" color="gray" onClick={onHelp} aria-label="Help" className="as-wide">
            <Icon name="help" size={17} />
          </ActionIcon>
        </Tooltip>
      </div>
    </>
  );
}
