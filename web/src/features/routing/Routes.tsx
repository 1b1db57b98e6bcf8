import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import { fetchRouting, testRouting } from "../../api/own";
import { pathTo, readLabels } from "../../model/routing";
import { useQueryState } from "../../state/location";
import { Empty, Failure, Loading } from "../../ui/States";
import { RouteTester } from "./RouteTester";
import { RouteTree } from "./RouteTree";

const CONFIGURE = `# anyascope.yml
route:
  receiver: team
  routes:
    - matchers: [severity="critical"]
      receiver: on-call
receivers:
  - name: team
    slack_configs: [{api_url_file: /etc/anyascope/slack, channel: "#alerts"}]
  - name: on-call
    webhook_configs: [{url: "https://example.org/page"}]`;

const NOWHERE: ReadonlySet<string> = new Set();

/** The routing tree as a picture, and the way that an alert would take through it. */
export function Routes() {
  const [query] = useQueryState();
  const text = query.get("labels") ?? "";
  const { labels, wrong } = useMemo(() => readLabels(text), [text]);
  const isAsked = Object.keys(labels).length > 0 && wrong.length === 0;
  const routing = useQuery({ queryKey: ["routing"], queryFn: ({ signal }) => fetchRouting(signal) });
  const test = useQuery({ queryKey: ["routing-test", labels], queryFn: ({ signal }) => testRouting(labels, signal), enabled: isAsked });
  const taken = useMemo(() => new Set(isAsked ? test.data?.routes.map((route) => route.id) : []), [isAsked, test.data]);
  if (routing.error && !routing.data) return <Failure problem={routing.error} what="The routes" onRetry={() => void routing.refetch()} />;
  if (!routing.data) return <Loading what="the routes" lines={10} />;
  const tellsNobody = routing.data.receivers.every((receiver) => receiver.integrations.length === 0);
  if (tellsNobody && routing.data.route.routes.length === 0) {
    return (
      <Empty title="Nobody is told of anything yet" code={CONFIGURE}>
        Routes and receivers are configured in Alertmanager’s own format, here or in a file of their own:
      </Empty>
    );
  }
  return (
    <>
      <RouteTester key={text} text={text} wrong={wrong} answer={isAsked ? test : null} />
      <section className="as-card" aria-label="Routing tree">
        <h2 className="as-card-title">Routing tree</h2>
        <RouteTree routing={routing.data} taken={taken} path={taken.size > 0 ? pathTo(routing.data.route, taken) : NOWHERE} />
      </section>
    </>
  );
}
