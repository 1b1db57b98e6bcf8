import { describe, expect, it } from "vitest";

import { againstMarket, byConcern, byUrgency, coinText, feeRateText, satsText, type OwnTransaction, type Spend } from "../../src/model/custody";
import { hsmsOf } from "../../src/model/hsm";
import type { InstantSeries } from "../../src/model/prometheus";

describe("an amount", () => {
  it("is exact to the sat", () => {
    expect([0, 1, 12_345, 100_000_000, 2_099_999_997_690_000, -1].map((sats) => coinText(sats, ""))).toEqual([
      ...["0.00000000 BTC", "0.00000001 BTC", "0.00012345 BTC", "1.00000000 BTC", "20,999,999.97690000 BTC", "-0.00000001 BTC"],
    ]);
    expect([12_345, null].map((sats) => satsText(sats, ""))).toEqual(["12,345 sat", "–"]);
  });

  it("is told in its own coin", () => {
    expect([coinText(150_000_000, "litecoin"), satsText(12_345, "litecoin")]).toEqual(["1.50000000 LTC", "12,345 litoshi"]);
    expect([coinText(1, "dogecoin"), satsText(1, "dogecoin")]).toEqual(["0.00000001 dogecoin", "1 10⁻⁸ dogecoin"]);
  });
});

describe("a fee rate", () => {
  it("has as many digits as matter", () => {
    expect([0.1234, 1, 2.55, 12.6, 12_345.6, null].map((rate) => feeRateText(rate, ""))).toEqual([
      ...["0.12 sat/vB", "1 sat/vB", "2.5 sat/vB", "13 sat/vB", "12,346 sat/vB", "–"],
    ]);
  });

  it("is told in its own coin", () => {
    expect([feeRateText(2.5, "litecoin"), feeRateText(1, "dogecoin")]).toEqual(["2.5 litoshi/vB", "1 10⁻⁸ dogecoin/vB"]);
  });
});

describe("open transactions", () => {
  const tx = (txid: string, changes: Partial<OwnTransaction>) => ({ txid, is_stuck: false, is_reopened: false, age_blocks: 0, ...changes }) as OwnTransaction;

  it("stand by urgency: stuck, unconfirmed again, then the oldest", () => {
    const all = [tx("young", {}), tx("old", { age_blocks: 5 }), tx("reopened", { is_reopened: true }), tx("stuck", { is_stuck: true })];
    expect(byUrgency(all).map((one) => one.txid)).toEqual(["stuck", "reopened", "old", "young"]);
  });

  it("are held against the market", () => {
    expect([againstMarket(1, 20), againstMarket(10, 10.2), againstMarket(300, 20), againstMarket(null, 5), againstMarket(1, null)]).toEqual([
      ...["0.05× the market", "as the market", "15× the market", null, null],
    ]);
  });
});

describe("spends", () => {
  it("stand by concern: what nobody asked for first, then the newest", () => {
    const spend = (txid: string, state: Spend["state"], seen_at: string) => ({ txid, state, seen_at }) as Spend;
    const all = [spend("old", "matched", "1"), spend("new", "matched", "2"), spend("odd", "unmatched", "0"), spend("waits", "waiting", "0")];
    expect(byConcern(all).map((one) => one.txid)).toEqual(["odd", "waits", "new", "old"]);
  });
});

describe("HSMs", () => {
  const series = (name: string, value: string, labels: Record<string, string> = {}): InstantSeries => ({
    metric: { __name__: `anya_hsm_${name}`, hsm: "core", provider: "softhsm", ...labels },
    value: [0, value],
  });

  it("are put together from their metrics", () => {
    const [hsm] = hsmsOf(
      [
        series("up", "1"),
        series("canary_success", "0", { operation_type: "canary_sign" }),
        series("canary_last_success_timestamp_seconds", "5", { operation_type: "canary_sign" }),
        ...["ok", "low"].map((state) => series("pin_state", state === "low" ? "1" : "0", { state })),
        series("so_pin_state", "1", { state: "locked" }),
        series("sessions", "12", { kind: "all" }),
        series("sessions_max", "16", { kind: "all" }),
        series("sessions_exhausted_in_seconds", "90"),
        series("session_leak_suspect", "1", { command: "signer", pid: "7" }),
        series("keys", "2", { class: "private", key_type: "EC" }),
        series("keys", "1", { class: "private", key_type: "RSA" }),
        series("key_present", "0", { label: "withdrawals" }),
        series("key_replaced", "1", { label: "deposits" }),
        series("key_replaced", "0", { label: "withdrawals" }),
      ],
      [],
    );
    expect(hsm).toMatchObject({
      ...{ name: "core", provider: "softhsm", status: "healthy", isUp: true, pin: "low", soPin: "locked", sessions: 12, sessionsMax: 16, exhaustedInS: 90 },
      canaries: [{ operation: "canary_sign", isWell: false, lastS: 5 }],
      ...{ suspects: ["signer 7"], keys: [{ kind: "private", count: 3 }], missingKeys: ["withdrawals"], replacedKeys: ["deposits"], nextExpiryS: null },
    });
  });

  it("that tell no metric yet have what their health says", () => {
    const part = { component: "collect.hsm.core", kind: "collector", status: "unhealthy" as const, message: "gone", advice: "look", since: null };
    expect(hsmsOf([], [part]).map((hsm) => [hsm.name, hsm.status, hsm.isUp, hsm.message])).toEqual([["core", "unhealthy", null, "gone"]]);
  });
});
