import { climbBegan, type AlertStory } from "../../model/timeline";
import { useNow } from "../../state/now";
import { AlertNav } from "../../ui/AlertNav";
import { Page } from "../../ui/Page";
import { ZoneLabel } from "../../ui/Time";
import { AlertActs } from "./AlertActs";
import { AlertClimb } from "./AlertClimb";
import { AlertFacts } from "./AlertFacts";
import { AlertGraph } from "./AlertGraph";
import { AlertHead } from "./AlertHead";
import { RelatedLogs, RelatedTraces } from "./AlertRelated";
import { TimeLine } from "./TimeLine";

const CLOCK_MS = 1_000; // the time that is left is counted down in seconds

/** One alert: what, since when, who has it, how it looks, what happened, and what can be done. */
export function AlertView({ story }: { story: AlertStory }) {
  const { alert, timeline } = story;
  const now = useNow(CLOCK_MS);
  return (
    <Page title={alert.title || alert.name} controls={<ZoneLabel atMs={now} />}>
      <AlertNav />
      <AlertHead alert={alert} nowMs={now}>
        <AlertActs alert={alert} />
      </AlertHead>
      <div className="as-alert-page">
        <div className="as-alert-main">
          <AlertGraph alert={alert} />
          <TimeLine alert={alert} events={timeline} nowMs={now} />
        </div>
        <div className="as-alert-main">
          <AlertFacts alert={alert} />
          {alert.policy && <AlertClimb alert={alert} policy={alert.policy} beganMs={climbBegan(timeline)} nowMs={now} />}
          <RelatedLogs alert={alert} />
          <RelatedTraces alert={alert} />
        </div>
      </div>
    </Page>
  );
}
