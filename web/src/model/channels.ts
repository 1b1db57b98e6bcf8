/** How each way to a person does. */

export interface Channel {
  readonly key: string;
  readonly kind: string;
  readonly receiver: string;
  readonly state: "healthy" | "degraded" | "open";
  readonly waiting: number;
  readonly dead: number;
  readonly since: string | null;
  readonly last_error: string | null;
}

export const CHANNEL_LOOKS: Readonly<Record<Channel["state"], { readonly word: string; readonly color: string; readonly means: string }>> = {
  healthy: { word: "healthy", color: "var(--as-ok)", means: "the last delivery arrived" },
  degraded: { word: "degraded", color: "var(--as-warn)", means: "deliveries fail and are tried again" },
  open: { word: "cut off", color: "var(--as-error)", means: "it failed so often that it is asked only now and then; its fallback is told at once" },
};

const RANKS: Record<Channel["state"], number> = { open: 0, degraded: 1, healthy: 2 };

/** The ill ones first, then by receiver. */
export function sortChannels(channels: readonly Channel[]): readonly Channel[] {
  return [...channels].sort((a, b) => RANKS[a.state] - RANKS[b.state] || a.receiver.localeCompare(b.receiver) || a.key.localeCompare(b.key));
}
