import { href, useLocation } from "../state/location";
import { Link } from "./Link";

const PLACES = [
  { path: "alerts", tab: null, name: "Alerts" },
  { path: "objectives", tab: null, name: "Objectives" },
  { path: "silences", tab: null, name: "Silences" },
  { path: "runbooks", tab: null, name: "Runbooks" },
  { path: "routing", tab: null, name: "Routing" },
  { path: "alerts", tab: "history", name: "Notifications" },
  { path: "alerts", tab: "rules", name: "Rules" },
] as const;

/** The pages about alerts, beside each other. */
export function AlertNav() {
  const { path, query } = useLocation();
  const first = path.split("/")[0];
  const tab = first === "alerts" ? query.get("tab") : null;
  return (
    <nav className="as-tabs" aria-label="About alerts">
      {PLACES.map((place) => (
        <Link
          key={place.name}
          href={href(place.path, place.tab ? { tab: place.tab } : {})}
          aria-current={first === place.path && tab === place.tab ? "page" : undefined}
        >
          {place.name}
        </Link>
      ))}
    </nav>
  );
}
