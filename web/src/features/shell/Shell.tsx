import { useQuery } from "@tanstack/react-query";
import { Suspense, useEffect, useRef, useState } from "react";

import { ALERTS_KEY, useLive, type Connection } from "../../api/events";
import { fetchAlerts } from "../../api/own";
import { useReach } from "../../api/reach";
import { countStates } from "../../model/alerts";
import { href, useLocation } from "../../state/location";
import { ReachContext } from "../../state/reach";
import { Icon, Mark } from "../../ui/icons";
import { Link } from "../../ui/Link";
import { Page } from "../../ui/Page";
import { Loading } from "../../ui/States";
import { Away } from "./Away";
import { ErrorBoundary } from "./ErrorBoundary";
import { Help } from "./Help";
import { NavTools } from "./NavTools";
import { PAGES, findPage, pageAbove } from "./pages";
import { useShortcuts } from "./shortcuts";

const ALERTS_EVERY_MS = 15_000; // beside the live stream, for where a proxy swallows it
const AWAY_EVERY_MS = 3_000; // while nobody answers, so that it is seen soon when somebody does

function Brand() {
  return (
    <Link href={href("now")} className="as-brand">
      <Mark />
      anyascope
    </Link>
  );
}

/** What every page needs to know of the server: what fires, whether it talks to us, and since when it does not answer. */
function useServer() {
  const connection = useLive();
  const silentMs = useReach();
  const { data, refetch } = useQuery({
    queryKey: ALERTS_KEY,
    queryFn: ({ signal }) => fetchAlerts(signal),
    refetchInterval: silentMs === null ? ALERTS_EVERY_MS : AWAY_EVERY_MS,
  });
  useEffect(() => {
    if (connection === "lost") void refetch(); // is it the stream alone?
  }, [connection, refetch]);
  return { connection, silentMs, firing: countStates(data?.alerts ?? []).firing, ask: () => void refetch() };
}

interface NavigationProps {
  current: string;
  firing: number;
  connection: Connection;
  onHelp: () => void;
}

function Navigation({ current, firing, connection, onHelp }: NavigationProps) {
  const above = pageAbove(current)?.path;
  return (
    <nav className="as-nav" aria-label="Pages">
      <Brand />
      {PAGES.map((page) => (
        <Link
          key={page.path}
          href={href(page.path)}
          className={page.isBelow ? "as-nav-link as-nav-below" : "as-nav-link"}
          aria-current={page.path === current ? "page" : page.path === above ? "true" : undefined}
          title={`g ${page.key}`}
        >
          <Icon name={page.icon} />
          {page.name}
          {page.path === "alerts" && firing > 0 && (
            <span className="as-count" aria-label={`${firing} firing`}>
              {firing}
            </span>
          )}
        </Link>
      ))}
      <div className="as-nav-foot">
        <NavTools connection={connection} onHelp={onHelp} />
      </div>
    </nav>
  );
}

/** A page whose code is still on its way has its heading already: nothing jumps when it comes. */
function PageComing({ name }: { name: string }) {
  return (
    <Page title={name}>
      <section className="as-card">
        <Loading what={name} lines={6} />
      </section>
    </Page>
  );
}

/** The frame around every page: navigation, what is asked of the keyboard, and the page of the address. */
export function Shell() {
  const { path } = useLocation();
  const [helpOpened, setHelpOpened] = useState(false);
  const main = useRef<HTMLElement>(null);
  useShortcuts({ onHelp: () => setHelpOpened(true) });
  const server = useServer();
  const found = findPage(path);
  return (
    <ReachContext value={server.silentMs}>
      <button type="button" className="as-skip" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <div className="as-shell">
        <Navigation current={found?.page.path ?? ""} firing={server.firing} connection={server.connection} onHelp={() => setHelpOpened(true)} />
        <main className="as-main" ref={main} tabIndex={-1}>
          {server.silentMs !== null && <Away sinceMs={server.silentMs} onRetry={server.ask} />}
          {found ? (
            <ErrorBoundary key={path}>
              <Suspense fallback={<PageComing name={found.page.name} />}>
                <found.page.Screen rest={found.rest} />
              </Suspense>
            </ErrorBoundary>
          ) : (
            <Page title="There is no such page">
              <section className="as-card">
                <Link className="as-link" href={href("now")}>
                  Go to Now
                </Link>
              </section>
            </Page>
          )}
        </main>
      </div>
      <Help opened={helpOpened} onClose={() => setHelpOpened(false)} />
    </ReachContext>
  );
}
