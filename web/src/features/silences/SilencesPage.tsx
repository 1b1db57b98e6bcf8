import "./silences.css";

import { useNow } from "../../state/now";
import { AlertNav } from "../../ui/AlertNav";
import { Page } from "../../ui/Page";
import { ZoneLabel } from "../../ui/Time";
import { SilenceForm } from "./SilenceForm";
import { SilenceList } from "./SilenceList";

const CLOCK_MS = 5_000;

/** What is quiet, why and until when; or the form that makes it so. */
export default function SilencesPage({ rest }: { rest: string }) {
  const now = useNow(CLOCK_MS);
  const isNew = rest === "new";
  return (
    <Page title={isNew ? "New silence" : "Silences"} controls={<ZoneLabel atMs={now} />}>
      <AlertNav />
      {isNew ? <SilenceForm nowMs={now} /> : <SilenceList openedId={rest} nowMs={now} />}
    </Page>
  );
}
