/** Whether money can move safely now, from all that the page of custody knows; and why not. */

import { gapLevel, gapProbability, networkName, shortHash, tipAgeS, type BitcoinNode } from "./bitcoin";
import type { OwnTransaction, Spend, Wallet } from "./custody";
import type { Hsm } from "./hsm";
import { formatDuration } from "./units";

/** `hold`: nothing should be sent. `look`: it can, and somebody should look at the reasons. `unknown`: nothing recent says. */
export type VerdictLevel = "hold" | "look" | "go" | "unknown";

export interface Reason {
  readonly level: "hold" | "look";
  readonly text: string;
  /** The part of the page that says more, as `placeOf…` names it. */
  readonly place: string;
}

export interface Verdict {
  readonly level: VerdictLevel;
  /** What hinders, the worst first. */
  readonly reasons: readonly Reason[];
}

/** What the parts of the page have; empty where nothing of that kind is watched. */
export interface Known {
  readonly nodes: readonly BitcoinNode[];
  readonly wallets: readonly Wallet[];
  readonly transactions: readonly OwnTransaction[];
  readonly spends: readonly Spend[];
  readonly hsms: readonly Hsm[];
}

export const placeOfNode = (name: string) => `node/${name}`;
export const placeOfWallet = (name: string) => `wallet/${name}`;
export const placeOfHsm = (name: string) => `hsm/${name}`;
export const placeOfSpend = (txid: string) => `spend/${txid}`;
export const placeOfTransaction = (txid: string) => `transaction/${txid}`;

/** What is to be thought of all of it at this time (Unix milliseconds). */
export function verdictOf(known: Known, nowMs: number): Verdict {
  if (known.nodes.length === 0 && known.wallets.length === 0 && known.hsms.length === 0) return { level: "unknown", reasons: [] };
  const reasons = [
    ...ofSpends(known.spends),
    ...ofNodes(known.nodes, nowMs),
    ...known.hsms.flatMap(ofHsm),
    ...known.wallets.flatMap(ofWallet),
    ...known.transactions.flatMap(ofTransaction),
  ];
  const sorted = [...reasons.filter((one) => one.level === "hold"), ...reasons.filter((one) => one.level === "look")];
  return { level: sorted[0]?.level ?? "go", reasons: sorted };
}

function ofSpends(spends: readonly Spend[]): readonly Reason[] {
  return spends
    .filter((spend) => spend.state === "unmatched")
    .map((spend) => ({ level: "hold", text: `${spend.wallet}: a spend that nobody asked for (${shortHash(spend.txid)})`, place: placeOfSpend(spend.txid) }));
}

/** A network of which no node works holds all; where another one does, there is time to look. */
function ofNodes(nodes: readonly BitcoinNode[], nowMs: number): readonly Reason[] {
  const works = new Set(nodes.filter((node) => node.is_up && node.status !== "unhealthy").map(networkName));
  return nodes.flatMap((node): readonly Reason[] => {
    const place = placeOfNode(node.name);
    if (node.others_on_another_branch.length > 0) return [{ level: "hold", text: `${node.name} is on another branch than ${node.others_on_another_branch.join(", ")}`, place }];
    if (!node.is_up || node.status === "unhealthy") {
      const text = `${node.name}: ${node.message || (node.is_up ? "is not well" : "does not answer")}`;
      return [{ level: works.has(networkName(node)) ? "look" : "hold", text, place }];
    }
    const ageS = tipAgeS(node, nowMs);
    const gap = gapLevel(gapProbability(node, ageS));
    if (gap !== "calm" && ageS !== null) return [{ level: gap === "act" ? "hold" : "look", text: `${node.name}: no block for ${formatDuration(Math.floor(ageS))}`, place }];
    return node.status === "degraded" ? [{ level: "look", text: `${node.name}: ${node.message}`, place }] : [];
  });
}

/** What is said of a key that is not the accepted one. */
export const replacedInWords = (label: string) => (label ? `key ${label} was replaced` : "a key was replaced");

function ofHsm(hsm: Hsm): readonly Reason[] {
  const place = placeOfHsm(hsm.name);
  const failing = hsm.canaries.filter((one) => !one.isWell).map((one) => one.operation.replace(/^canary_/, ""));
  if (hsm.status === "unhealthy" || hsm.isUp === false) return [{ level: "hold", text: `HSM ${hsm.name}: ${hsm.message || "does not answer"}`, place }];
  if (failing.length > 0) return [{ level: "hold", text: `HSM ${hsm.name}: ${failing.join(", ")} ${failing.length === 1 ? "fails" : "fail"}`, place }];
  if (hsm.pin === "locked" || hsm.isLoginHeld) return [{ level: "hold", text: `HSM ${hsm.name}: ${hsm.pin === "locked" ? "its PIN is locked" : "its login is held back"}`, place }];
  if (hsm.replacedKeys.length > 0) return [{ level: "hold", text: `HSM ${hsm.name}: ${hsm.replacedKeys.map(replacedInWords).join(", ")}`, place }];
  return hsm.status === "degraded" ? [{ level: "look", text: `HSM ${hsm.name}: ${hsm.message}`, place }] : [];
}

function ofWallet(wallet: Wallet): readonly Reason[] {
  const place = placeOfWallet(wallet.name);
  if (!wallet.is_loaded) return [{ level: "look", text: `${wallet.name} is not loaded at ${wallet.node}`, place }];
  if (wallet.fault) return [{ level: "look", text: `${wallet.name}: ${wallet.fault}`, place }];
  return wallet.is_scanning ? [{ level: "look", text: `${wallet.name} goes through old blocks: its funds are not final`, place }] : [];
}

function ofTransaction(one: OwnTransaction): readonly Reason[] {
  const place = placeOfTransaction(one.txid);
  const named = `${one.wallet}: ${one.direction} ${shortHash(one.txid)}`;
  if (one.status === "conflicted") return [{ level: "look", text: `${named} is in conflict with another one`, place }];
  if (one.is_stuck) return [{ level: "look", text: `${named} is stuck`, place }];
  return one.is_reopened ? [{ level: "look", text: `${named} lost its confirmation`, place }] : [];
}
