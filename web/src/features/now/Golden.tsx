import { useQuery, useQueryClient } from "@tanstack/react-query";

import { queryRange } from "../../api/prometheus";
import "../../charts/charts.css";
import { Sparkline } from "../../charts/Sparkline";
import { GOLDEN, extend, levelFor, type Level, type Signal, type SignalGroup, type Stretch } from "../../model/golden";
import { ApiProblem } from "../../model/problem";
import { summarise, toColumns } from "../../model/prometheus";
import { NO_VALUE, formatValue } from "../../model/units";
import { href } from "../../state/location";
import { Link } from "../../ui/Link";

const REFRESH_MS = 5_000;
const WINDOW_S = 900;
const STEP_S = 5;
const POINTS = WINDOW_S / STEP_S + 1;
const AGAIN_S = 40; // two scrapes: what came late may still change the newest points

const COLORS: Record<Level, string> = { calm: "var(--as-accent)", warn: "var(--as-warn)", act: "var(--as-error)" };

function useSignal(signal: Signal) {
  const cache = useQueryClient();
  return useQuery({
    queryKey: ["golden", signal.query],
    queryFn: async ({ queryKey, signal: abort }): Promise<Stretch> => {
      const endS = Date.now() / 1000;
      const old = cache.getQueryData<Stretch>(queryKey);
      const oldEndS = old ? old.startS + (old.values.length - 1) * STEP_S : 0;
      // Only the end is asked for again: the whole stretch every few seconds would keep the server busy for a picture.
      const startS = Math.max(endS - WINDOW_S, oldEndS - AGAIN_S);
      const result = await queryRange(signal.query, { startS, endS, stepS: STEP_S }, abort);
      const { times, values } = toColumns(result);
      const fresh = { startS: result.startS, stepS: STEP_S, values: values[0] ?? times.map(() => null) };
      return old ? extend(old, fresh, POINTS) : fresh;
    },
    refetchInterval: REFRESH_MS,
  });
}

function Tile({ signal }: { signal: Signal }) {
  const answer = useSignal(signal);
  const values = answer.data?.values ?? [];
  const last = summarise(values)?.last ?? null;
  const color = COLORS[levelFor(signal, last)];
  const problem = answer.error instanceof ApiProblem ? answer.error.message : null;
  return (
    <Link className="as-tile" href={href("metrics", { q: signal.query, from: "-1h" })} title="Open in Metrics">
      <span className="as-tile-name">{signal.name}</span>
      <span className="as-tile-value" style={{ color: last === null || problem ? "var(--as-dim)" : color }}>
        {answer.isPending ? "…" : formatValue(last, signal.unit)}
      </span>
      {problem ? (
        <span className="as-small as-tile-problem">{problem}</span>
      ) : last === null && !answer.isPending ? (
        <span className="as-small as-dim as-tile-problem">no data yet ({NO_VALUE} is not 0)</span>
      ) : (
        <Sparkline
          values={values}
          color={color}
          label={`${signal.name}, last 15 minutes`}
          {...(signal.most === undefined ? {} : { least: 0, most: signal.most })}
        />
      )}
    </Link>
  );
}

function Group({ group }: { group: SignalGroup }) {
  return (
    <section className="as-card as-golden-group" aria-label={group.name}>
      <h2 className="as-card-title">
        {group.name}
        <span className="as-dim as-small as-golden-asks">{group.asks}</span>
      </h2>
      <div className="as-tiles">
        {group.signals.map((signal) => (
          <Tile key={signal.name} signal={signal} />
        ))}
      </div>
    </section>
  );
}

/** The four golden signals of this machine over the last quarter of an hour, renewed every five seconds. */
export function Golden() {
  return (
    <div className="as-golden">
      {GOLDEN.map((group) => (
        <Group key={group.name} group={group} />
      ))}
    </div>
  );
}
