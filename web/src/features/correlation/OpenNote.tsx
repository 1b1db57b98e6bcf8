import "../custody/custody.css";

import { useQuery } from "@tanstack/react-query";

import { TRANSACTIONS_KEY } from "../../api/events";
import { fetchTransactions } from "../../api/own";
import { Ticking } from "../../ui/Ticking";
import { Transactions } from "../custody/Transactions";

const CLOCK_MS = 10_000;
const AGAIN_MS = 15_000; // beside the live stream

/** The operation's transactions that wait for a block, with what would free the stuck ones. Nothing where none waits, or nobody knows. */
export function OpenNote({ ids }: { ids: readonly string[] }) {
  const answer = useQuery({ queryKey: TRANSACTIONS_KEY, queryFn: ({ signal }) => fetchTransactions(signal), refetchInterval: AGAIN_MS });
  const open = answer.data?.transactions.filter((one) => ids.includes(one.txid)) ?? [];
  if (open.length === 0) return null;
  return (
    <Ticking everyMs={CLOCK_MS}>
      <Transactions transactions={open} />
    </Ticking>
  );
}
