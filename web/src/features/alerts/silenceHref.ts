import type { Alert } from "../../model/alerts";
import { matchersFor, writeMatcher } from "../../model/silences";
import { href } from "../../state/location";

/** The silence form, filled so that it hits these alerts. */
export function silenceHref(alerts: readonly Alert[]): string {
  return href("silences/new", { m: matchersFor(alerts).map(writeMatcher) });
}
