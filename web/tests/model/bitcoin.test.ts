import { describe, expect, it } from "vitest";

import {
  gapFrequency,
  gapLevel,
  gapProbability,
  ownByBlock,
  strips,
  tipAgeS,
  troubledChains,
} from "../../src/model/bitcoin";
import type { LogRow } from "../../src/model/logs";
import { LOOKED, LOOKED_MS, node } from "./nodes";

describe("the age of a tip", () => {
  it("goes on between two looks", () => {
    expect(tipAgeS(node(), LOOKED_MS + 7_000)).toBe(307);
  });

  it("is not known of a node that told none", () => {
    expect(tipAgeS(node({ tip_age_s: null }), LOOKED_MS)).toBeNull();
    expect(tipAgeS(node({ looked_at: null }), LOOKED_MS)).toBeNull();
  });

  it("is never before now, whatever the clocks say", () => {
    expect(tipAgeS(node({ tip_age_s: 1 }), LOOKED_MS - 60_000)).toBe(0);
  });
});

describe("how often a gap comes", () => {
  it("is what operators know of ten-minute blocks", () => {
    const of = (minutes: number) => gapFrequency(Math.exp(-minutes / 10), 600);
    expect(of(10)).toBe("53 times a day");
    expect(of(60)).toBe("every 2.8 days");
    expect(of(90)).toBe("every 56 days");
    expect(of(600)).toBe("less than once in ten years");
  });

  it("grows with the age, and is asked of nobody where the spacing is not known", () => {
    expect(gapProbability(node(), 600)).toBeCloseTo(Math.exp(-1));
    expect(gapProbability(node({ block_spacing_s: null, gap_probability: null }), 600)).toBeNull();
  });

  it("is calm until it is rare", () => {
    expect([null, 0.5, 0.002, 0.0001].map(gapLevel)).toEqual(["calm", "calm", "warn", "act"]);
  });
});

describe("the strip of newest blocks", () => {
  it("has each block once, with who has it and when it was seen first", () => {
    const other = node({ name: "core-2", blocks: [{ height: 102, hash: "b", seen_at: "2026-12-01T11:59:59Z" }] });
    const [strip] = strips([node(), other], 12);
    expect(strip?.blocks.map((block) => [block.hash, block.nodes, block.seenMs])).toEqual([
      ["b", ["core-1", "core-2"], LOOKED_MS - 1_000],
      ["a", ["core-1"], null],
    ]);
  });

  it("shows two blocks of one height as contested", () => {
    const other = node({ name: "core-2", blocks: [{ height: 102, hash: "x", seen_at: null }] });
    const [strip] = strips([node(), other], 12);
    expect(strip?.blocks.map((block) => block.isContested)).toEqual([true, true, false]);
  });

  it("keeps chains apart and leaves out nodes that never told theirs", () => {
    expect(strips([node(), node({ chain: "signet" }), node({ chain: "", blocks: [] })], 1).map((strip) => [strip.network, strip.blocks.length])).toEqual([
      ["main", 1],
      ["signet", 1],
    ]);
  });

  it("keeps two coins apart whose chains have one name", () => {
    const litecoin = node({ name: "ltc-1", coin: "litecoin", blocks: [{ height: 102, hash: "l", seen_at: null }] });
    const found = strips([node(), litecoin, node({ name: "core-2" })], 1);
    expect(found.map((strip) => [strip.network, strip.nodes, strip.blocks.map((block) => [block.hash, block.isContested])])).toEqual([
      ["main", 2, [["b", false]]],
      ["Litecoin main", 1, [["l", false]]],
    ]);
  });

  it("counts the transactions of ours that a block confirmed once each", () => {
    const row = (block: unknown, txid: unknown) =>
      ({ attributes: { "bitcoin.block.hash": block, "bitcoin.transaction.id": txid } }) as unknown as LogRow;
    expect([...ownByBlock([row("b", "1"), row("b", "1"), row("b", "2"), row(null, "3")])]).toEqual([["b", 2]]);
  });
});

describe("trouble of the chain", () => {
  it("is a recent reorg, or a node on another branch", () => {
    const reorg = { depth_blocks: 2, fork_height: 100, seen_at: LOOKED };
    const found = troubledChains([node({ reorg }), node({ name: "b", others_on_another_branch: ["core-1"] })], LOOKED_MS + 60_000);
    expect([found.reorged.map((one) => one.name), found.parted.map((one) => one.name)]).toEqual([["core-1"], ["b"]]);
    expect(troubledChains([node({ reorg })], LOOKED_MS + 24 * 3_600_000).reorged).toEqual([]);
  });
});
