import { describe, expect, it } from "vitest";

import { placesOf } from "../../src/model/alerts";
import type { OwnTransaction, Spend, Wallet } from "../../src/model/custody";
import type { Hsm } from "../../src/model/hsm";
import { verdictOf, type Known } from "../../src/model/verdict";
import { LOOKED_MS, node } from "./nodes";

const TXID = "ab".repeat(32);
const WALLET = { node: "core-1", chain: "main", name: "hot", is_loaded: true, fault: "", is_scanning: false } as Wallet;
const HSM = { name: "vault", status: "healthy", message: "", isUp: true, canaries: [{ operation: "canary_sign", isWell: true, lastS: 1 }], pin: "ok", isLoginHeld: false, replacedKeys: [] as string[] } as unknown as Hsm;
const SPEND = { wallet: "hot", txid: TXID, state: "matched" } as Spend;
const OPEN = { wallet: "hot", txid: TXID, direction: "withdrawal", status: "open", is_stuck: false, is_reopened: false } as OwnTransaction;

function judged(changes: Partial<Known>, nowMs = LOOKED_MS) {
  const known: Known = { nodes: [node()], wallets: [WALLET], transactions: [OPEN], spends: [SPEND], hsms: [HSM], ...changes };
  const { level, reasons } = verdictOf(known, nowMs);
  return [level, ...reasons.map((one) => `${one.level} ${one.text} @${one.place}`)];
}

describe("whether money can move", () => {
  it("is not known where nothing is watched", () => expect(judged({ nodes: [], wallets: [], hsms: [] })).toEqual(["unknown"]));
  it("is a yes where all is well", () => expect(judged({})).toEqual(["go"]));

  it.each<[string, Partial<Known>, string]>([
    ["a spend that nobody asked for", { spends: [{ ...SPEND, state: "unmatched" }] }, "hold hot: a spend that nobody asked for (…abababab) @spend/" + TXID],
    ["the only node down", { nodes: [node({ is_up: false, status: "unhealthy", message: "refused" })] }, "hold core-1: refused @node/core-1"],
    ["nodes that disagree", { nodes: [node({ others_on_another_branch: ["core-2"] })] }, "hold core-1 is on another branch than core-2 @node/core-1"],
    ["an HSM down", { hsms: [{ ...HSM, status: "unhealthy", message: "no answer" }] }, "hold HSM vault: no answer @hsm/vault"],
    ["a canary that fails", { hsms: [{ ...HSM, canaries: [{ operation: "canary_sign", isWell: false, lastS: 1 }] }] }, "hold HSM vault: sign fails @hsm/vault"],
    ["a key that was replaced", { hsms: [{ ...HSM, status: "degraded", replacedKeys: ["withdrawals", ""] }] }, "hold HSM vault: key withdrawals was replaced, a key was replaced @hsm/vault"],
    ["a locked PIN", { hsms: [{ ...HSM, pin: "locked" }] }, "hold HSM vault: its PIN is locked @hsm/vault"],
    ["a login that is held back", { hsms: [{ ...HSM, isLoginHeld: true }] }, "hold HSM vault: its login is held back @hsm/vault"],
  ])("is a no for %s", (_, changes, reason) => expect(judged(changes)).toEqual(["hold", reason]));

  it.each<[string, Partial<Known>, string]>([
    ["one node of two down", { nodes: [node({ is_up: false, status: "unhealthy", message: "refused" }), node({ name: "core-2" })] }, "look core-1: refused @node/core-1"],
    ["a node that is not quite well", { nodes: [node({ status: "degraded", message: "few peers" })] }, "look core-1: few peers @node/core-1"],
    ["a wallet that is not loaded", { wallets: [{ ...WALLET, is_loaded: false }] }, "look hot is not loaded at core-1 @wallet/hot"],
    ["a wallet that is looked through", { wallets: [{ ...WALLET, is_scanning: true }] }, "look hot goes through old blocks: its funds are not final @wallet/hot"],
    ["a stuck transaction", { transactions: [{ ...OPEN, is_stuck: true }] }, "look hot: withdrawal …abababab is stuck @transaction/" + TXID],
    ["a reopened one", { transactions: [{ ...OPEN, is_reopened: true }] }, "look hot: withdrawal …abababab lost its confirmation @transaction/" + TXID],
    ["one in conflict", { transactions: [{ ...OPEN, status: "conflicted" }] }, "look hot: withdrawal …abababab is in conflict with another one @transaction/" + TXID],
    ["an HSM that is not quite well", { hsms: [{ ...HSM, status: "degraded", message: "slow" }] }, "look HSM vault: slow @hsm/vault"],
  ])("is a yes with something to look at for %s", (_, changes, reason) => expect(judged(changes)).toEqual(["look", reason]));

  it("is a no of one network while another one works", () => {
    const litecoin = node({ name: "ltc-1", coin: "litecoin", is_up: false, status: "unhealthy", message: "refused" });
    expect(judged({ nodes: [node(), litecoin] })).toEqual(["hold", "hold ltc-1: refused @node/ltc-1"]);
  });

  it("says what must be cleared before what is to be looked at", () => {
    const found = judged({ transactions: [{ ...OPEN, is_stuck: true }], hsms: [{ ...HSM, isUp: false }] });
    expect(found.map((text) => text.split(" ")[0])).toEqual(["hold", "hold", "look"]);
  });

  it.each([
    [60, "look"],
    [90, "hold"],
  ])("minds that no block came for %i minutes and a bit", (minutes, level) => {
    const old = { nodes: [node({ tip_age_s: 0 })] };
    expect(judged(old, LOOKED_MS + minutes * 60_000 + 60_000)[0]).toBe(level);
  });
});

describe("what an alert is about", () => {
  it("is each part that its labels name", () => {
    const labels = { job: "bitcoin", chain: "main", node: "core-1", wallet: "hot", txid: TXID };
    expect(placesOf({ labels })).toEqual([
      { name: "Transaction …abababab", path: `correlation/${TXID}`, at: "" },
      { name: "Wallet hot", path: "custody", at: "wallet/hot" },
      { name: "Node core-1", path: "custody", at: "node/core-1" },
    ]);
    expect(placesOf({ labels: { job: "hsm", hsm: "vault" } })).toEqual([{ name: "HSM vault", path: "custody", at: "hsm/vault" }]);
  });

  it("is nothing of ours where a node is another kind of node", () => expect(placesOf({ labels: { node: "kube-1", job: "kubelet" } })).toEqual([]));
});
