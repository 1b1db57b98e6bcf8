import type { RouteNode, Receiver, Routing } from "../../model/routing";
import { formatDuration } from "../../model/units";
import { Icon } from "../../ui/icons";

interface Way {
  /** Routes that take the alert. */
  readonly taken: ReadonlySet<string>;
  /** Those, and the ones above them. */
  readonly path: ReadonlySet<string>;
}

function grouping(route: RouteNode): string {
  if (route.group_by_all) return "each alert alone";
  return route.group_by.length > 0 ? `grouped by ${route.group_by.join(", ")}` : "one group";
}

function Waits({ route }: { route: RouteNode }) {
  return (
    <div className="as-route-waits as-small as-dim">
      <span>{grouping(route)}</span>
      <span title="group_wait">waits {formatDuration(route.group_wait_s)}</span>
      <span title="group_interval">then every {formatDuration(route.group_interval_s)}</span>
      <span title="repeat_interval">repeats after {formatDuration(route.repeat_interval_s)}</span>
    </div>
  );
}

function Channels({ receiver }: { receiver: Receiver | undefined }) {
  if (!receiver || receiver.integrations.length === 0) return <span className="as-small as-dim">tells nobody</span>;
  return (
    <>
      {receiver.integrations.map((one) => (
        <span key={one.key} className="as-chip" title={one.send_resolved ? "tells of recovery too" : "does not tell of recovery"}>
          {one.kind}
        </span>
      ))}
    </>
  );
}

function Node({ route, receivers, way, isRoot }: { route: RouteNode; receivers: ReadonlyMap<string, Receiver>; way: Way; isRoot: boolean }) {
  const state = way.taken.has(route.id) ? "taken" : way.path.has(route.id) ? "path" : way.path.size > 0 ? "passed" : "idle";
  return (
    <li className="as-route" data-state={state}>
      <div className="as-route-box" data-testid="route">
        <div className="as-row">
          {isRoot ? (
            <span className="as-small as-dim">every alert</span>
          ) : (
            route.matchers.map((matcher) => (
              <code key={matcher} className="as-mono as-break">
                {matcher}
              </code>
            ))
          )}
          {!isRoot && route.matchers.length === 0 && <span className="as-small as-dim">every alert that comes here</span>}
          <span className="as-route-arrow" aria-hidden="true">
            →
          </span>
          <b>{route.receiver}</b>
          <Channels receiver={receivers.get(route.receiver)} />
          {state === "taken" && (
            <span className="as-chip as-chip-good">
              <Icon name="check" size={12} /> takes it
            </span>
          )}
          {route.continue && (
            <span className="as-chip" title="The routes below it on the same level are tried too">
              continues
            </span>
          )}
          {route.policy && (
            <span className="as-chip">
              <b>policy</b> {route.policy}
            </span>
          )}
        </div>
        <Waits route={route} />
        {(route.mute_time_intervals.length > 0 || route.active_time_intervals.length > 0) && (
          <div className="as-row as-small">
            {route.mute_time_intervals.map((name) => (
              <span key={name} className="as-chip as-chip-warn">
                muted in {name}
              </span>
            ))}
            {route.active_time_intervals.map((name) => (
              <span key={name} className="as-chip">
                only in {name}
              </span>
            ))}
          </div>
        )}
      </div>
      {route.routes.length > 0 && (
        <ul>
          {route.routes.map((child) => (
            <Node key={child.id} route={child} receivers={receivers} way={way} isRoot={false} />
          ))}
        </ul>
      )}
    </li>
  );
}

/** The tree as it is tried, from above to below: conditions, then the receiver and what it is made of. */
export function RouteTree({ routing, taken, path }: { routing: Routing } & Way) {
  const receivers = new Map(routing.receivers.map((receiver) => [receiver.name, receiver]));
  return (
    <ul className="as-route-tree">
      <Node route={routing.route} receivers={receivers} way={{ taken, path }} isRoot />
    </ul>
  );
}
