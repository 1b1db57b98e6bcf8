import { Button } from "@mantine/core";
import { useEffect, useState } from "react";

import { Icon } from "./icons";

const SAID_MS = 1_500;

/** Puts a text into the clipboard and says so; `what` it is stands in its name where the label alone is not enough. */
export function CopyButton({ text, label, what }: { text: () => string; label: string; what?: string }) {
  const [said, setSaid] = useState("");
  useEffect(() => {
    if (!said) return undefined;
    const timer = window.setTimeout(() => setSaid(""), SAID_MS);
    return () => window.clearTimeout(timer);
  }, [said]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text());
      setSaid("Copied");
    } catch {
      // Browsers give the clipboard to https and loopback only.
      setSaid("Not allowed here");
    }
  };
  return (
    <Button
      variant="subtle"
      size="compact-xs"
      onClick={() => void copy()}
      leftSection={<Icon name={said === "Copied" ? "check" : "copy"} size={13} />}
    >
      <span aria-live="polite">
        {said || label}
        {what && !said && <span className="as-sr"> {what}</span>}
      </span>
    </Button>
  );
}
