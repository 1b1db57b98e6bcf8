import { lazy, type ComponentType } from "react";

import type { IconName } from "../../ui/icons";

export interface PageEntry {
  readonly path: string;
  readonly name: string;
  readonly icon: IconName;
  /** The letter that follows `g`. */
  readonly key: string;
  /** Whether it stands below the page before it: a phone reaches it from there. */
  readonly isBelow?: boolean;
  readonly Screen: ComponentType<{ rest: string }>;
}

/** The pages, each in a chunk of its own, in the order of the navigation. */
export const PAGES: readonly PageEntry[] = [
  { path: "now", name: "Now", icon: "now", key: "n", Screen: lazy(() => import("../now/NowPage")) },
  { path: "metrics", name: "Metrics", icon: "metrics", key: "m", Screen: lazy(() => import("../metrics/MetricsPage")) },
  { path: "logs", name: "Logs", icon: "logs", key: "l", Screen: lazy(() => import("../logs/LogsPage")) },
  { path: "traces", name: "Traces", icon: "traces", key: "t", Screen: lazy(() => import("../traces/TracesPage")) },
  { path: "custody", name: "Custody", icon: "custody", key: "c", Screen: lazy(() => import("../custody/CustodyPage")) },
  { path: "correlation", name: "Correlation", icon: "correlation", key: "o", isBelow: true, Screen: lazy(() => import("../correlation/CorrelationPage")) },
  { path: "alerts", name: "Alerts", icon: "alerts", key: "a", Screen: lazy(() => import("../alerts/AlertsPage")) },
  { path: "objectives", name: "Objectives", icon: "objectives", key: "j", isBelow: true, Screen: lazy(() => import("../objectives/ObjectivesPage")) },
  { path: "silences", name: "Silences", icon: "silence", key: "s", isBelow: true, Screen: lazy(() => import("../silences/SilencesPage")) },
  { path: "runbooks", name: "Runbooks", icon: "runbooks", key: "b", isBelow: true, Screen: lazy(() => import("../runbooks/RunbooksPage")) },
  { path: "routing", name: "Routing", icon: "routing", key: "r", isBelow: true, Screen: lazy(() => import("../routing/RoutingPage")) },
];

/** The page below which another stands; null where it stands by itself. */
export function pageAbove(path: string): PageEntry | null {
  const index = PAGES.findIndex((page) => page.path === path);
  return PAGES[index]?.isBelow ? (PAGES.slice(0, index).findLast((page) => !page.isBelow) ?? null) : null;
}

/** The page of a path and what follows it: `traces/abc` is the page `traces` with `abc`. */
export function findPage(path: string): { page: PageEntry; rest: string } | null {
  const [first = "", ...others] = path.split("/");
  const page = first === "" ? PAGES[0] : PAGES.find((entry) => entry.path === first);
  return page ? { page, rest: decoded(others.join("/")) } : null;
}

/** An address that somebody typed may hold a bare `%`: it is taken as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
