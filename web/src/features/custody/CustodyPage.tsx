import "./custody.css";

import { useQuery } from "@tanstack/react-query";

import { HEALTH_KEY, HSMS_KEY, NODES_KEY, OWN_BLOCKS_KEY, SPENDS_KEY, TRANSACTIONS_KEY, WALLETS_KEY } from "../../api/events";
import { fetchHealth, fetchHsmStates, fetchNodes, fetchSpends, fetchTransactions, fetchWallets, searchLogs } from "../../api/own";
import { queryInstant } from "../../api/prometheus";
import { ownByBlock, strips } from "../../model/bitcoin";
import { HSM_QUERY, hsmsOf } from "../../model/hsm";
import { ApiProblem } from "../../model/problem";
import { verdictOf } from "../../model/verdict";
import { href } from "../../state/location";
import { usePlace } from "../../state/place";
import { useSilentSince } from "../../state/reach";
import { useTick } from "../../state/tick";
import { Link } from "../../ui/Link";
import { Page } from "../../ui/Page";
import { Problem } from "../../ui/Problem";
import { Ticking, TickingZone } from "../../ui/Ticking";
import { BlockStrip } from "./BlockStrip";
import { NO_HSM, NO_NODE, NO_SPEND, NO_TRANSACTION, NO_WALLET } from "./nothing";
import { Hsms } from "./Hsms";
import { NodeCard } from "./NodeCard";
import { Part } from "./Part";
import { ReorgBanner } from "./ReorgBanner";
import { Spends } from "./Spends";
import { Transactions } from "./Transactions";
import { VerdictCard, VerdictComing } from "./VerdictCard";
import { Wallets } from "./Wallets";

const CLOCK_MS = 1_000; // ages are counted in seconds
const AGAIN_MS = 15_000; // beside the live stream, for where a proxy swallows it
const BLOCKS_SHOWN = 12;
const CONFIRMED = "stream:bitcoin event_name:bitcoin.transaction.confirmed";
const ROWS_MAX = 500; // of a day; more than the blocks of the strip confirm for most

function useCustody() {
  const again = { refetchInterval: AGAIN_MS };
  return {
    nodes: useQuery({ queryKey: NODES_KEY, queryFn: ({ signal }) => fetchNodes(signal), ...again }),
    wallets: useQuery({ queryKey: WALLETS_KEY, queryFn: ({ signal }) => fetchWallets(signal), ...again }),
    transactions: useQuery({ queryKey: TRANSACTIONS_KEY, queryFn: ({ signal }) => fetchTransactions(signal), ...again }),
    spends: useQuery({ queryKey: SPENDS_KEY, queryFn: ({ signal }) => fetchSpends(signal), ...again }),
    health: useQuery({ queryKey: HEALTH_KEY, queryFn: ({ signal }) => fetchHealth(signal), ...again }),
    own: useQuery({
      queryKey: OWN_BLOCKS_KEY,
      queryFn: ({ signal }) => searchLogs({ query: CONFIRMED, start: "-24h", end: "now" }, ROWS_MAX, null, signal),
    }),
    hsms: useQuery({ queryKey: HSMS_KEY, queryFn: ({ signal }) => queryInstant(HSM_QUERY, Date.now() / 1000, signal), ...again }),
    // Below the same key, so that what makes the one old makes the other.
    hsmStates: useQuery({ queryKey: [...HSMS_KEY, "states"], queryFn: ({ signal }) => fetchHsmStates(signal), ...again }),
  };
}

/** Whether an answer is missing, and not because this server has nothing of that kind. */
const isAway = (error: unknown) => error !== null && !(error instanceof ApiProblem && error.status === 404);

/** Can money move? Said as soon as all has answered; not said of what is old. */
function Answer({ custody }: { custody: ReturnType<typeof useCustody> }) {
  const nowMs = useTick();
  const silentMs = useSilentSince();
  const parts = [custody.nodes, custody.wallets, custody.transactions, custody.spends, custody.health, custody.hsms];
  if (parts.some((part) => part.data === undefined && !part.error)) return <VerdictComing />;
  const known = {
    nodes: custody.nodes.data?.nodes ?? [],
    wallets: custody.wallets.data?.wallets ?? [],
    transactions: custody.transactions.data?.transactions ?? [],
    spends: custody.spends.data?.spends ?? [],
    hsms: hsmsOf(custody.hsms.data?.series ?? [], custody.health.data?.components ?? []),
  };
  const away = parts.filter((part) => isAway(part.error));
  const watched = { nodes: known.nodes.length, wallets: known.wallets.length, hsms: known.hsms.length };
  return (
    <VerdictCard
      verdict={verdictOf(known, nowMs)}
      watched={watched}
      oldMs={away.length > 0 ? Math.min(...away.map((part) => part.dataUpdatedAt || part.errorUpdatedAt)) : silentMs}
    />
  );
}

function Custody() {
  const custody = useCustody();
  usePlace();
  const nodes = custody.nodes.data?.nodes ?? [];
  const own = ownByBlock(custody.own.data?.rows ?? []);
  const open = custody.transactions.data?.transactions ?? [];
  const components = custody.health.data?.components ?? [];
  return (
    <Page
      title="Custody"
      controls={
        <>
          <Link className="as-link as-small" href={href("correlation")}>
            Follow an operation
          </Link>
          <TickingZone />
        </>
      }
    >
      <Answer custody={custody} />
      <ReorgBanner nodes={nodes} reopened={open.filter((one) => one.is_reopened).length} />
      {strips(nodes, BLOCKS_SHOWN).map((strip) => (
        <BlockStrip key={strip.network} strip={strip} own={own} />
      ))}
      <Part title="Nodes" what="nodes" answer={custody.nodes} isEmpty={(data) => data.nodes.length === 0} empty={NO_NODE}>
        {(data) => (
          <div className="as-nodes">
            {data.nodes.map((node) => (
              <NodeCard key={node.name} node={node} />
            ))}
          </div>
        )}
      </Part>
      <div className="as-custody-columns">
        <div className="as-custody-column">
          <Part title="Spends" what="spends" answer={custody.spends} isEmpty={(data) => data.spends.length === 0} empty={NO_SPEND}
            aside={<span className="as-dim as-small as-aside">against what was asked for, approved and signed</span>}>
            {(data) => <Spends spends={data.spends} />}
          </Part>
          <Part title="Open transactions" what="transactions" answer={custody.transactions} isEmpty={(data) => data.transactions.length === 0} empty={NO_TRANSACTION}>
            {(data) => <Transactions transactions={data.transactions} />}
          </Part>
        </div>
        <div className="as-custody-column">
          <Part title="Wallets" what="wallets" answer={custody.wallets} isEmpty={(data) => data.wallets.length === 0} empty={NO_WALLET}>
            {(data) => <Wallets wallets={data.wallets} />}
          </Part>
          <Part title="HSMs" what="HSMs" answer={custody.hsms} isEmpty={(data) => hsmsOf(data.series, components).length === 0} empty={NO_HSM}>
            {(data) => (
              <>
                {custody.hsmStates.error && <Problem problem={custody.hsmStates.error} what="What changed in the HSMs is not known." />}
                <Hsms hsms={hsmsOf(data.series, components)} states={custody.hsmStates.data?.hsms ?? []} />
              </>
            )}
          </Part>
        </div>
      </div>
    </Page>
  );
}

/** Whether money can move now: nodes and their newest blocks, wallets, open transactions, spends, HSMs. */
export default function CustodyPage() {
  return (
    <Ticking everyMs={CLOCK_MS}>
      <Custody />
    </Ticking>
  );
}
