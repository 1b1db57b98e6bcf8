// @vitest-environment happy-dom
import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { OpenNote } from "../../src/features/correlation/OpenNote";
import { SpendNote } from "../../src/features/correlation/SpendNote";
import { StagePicture } from "../../src/features/correlation/StagePicture";
import { BlockStrip } from "../../src/features/custody/BlockStrip";
import { Hsms } from "../../src/features/custody/Hsms";
import { NodeCard } from "../../src/features/custody/NodeCard";
import { ReorgBanner } from "../../src/features/custody/ReorgBanner";
import { Spends } from "../../src/features/custody/Spends";
import { Transactions } from "../../src/features/custody/Transactions";
import { VerdictCard } from "../../src/features/custody/VerdictCard";
import { Wallets } from "../../src/features/custody/Wallets";
import type { OwnTransaction, Spend, Wallet } from "../../src/model/custody";
import { hsmsOf } from "../../src/model/hsm";
import { TickContext } from "../../src/state/tick";
import { Markdown } from "../../src/ui/Markdown";
import { Ticking } from "../../src/ui/Ticking";
import { node } from "../model/nodes";
import "./patience";

afterEach(cleanup);

const NOW_MS = Date.parse("2026-12-01T12:00:00Z");
const TXID = "ab".repeat(32);
const show = (element: React.ReactNode, nowMs = NOW_MS) =>
  render(
    <QueryClientProvider client={new QueryClient()}>
      <MantineProvider env="test">
        <TickContext value={nowMs}>{element}</TickContext>
      </MantineProvider>
    </QueryClientProvider>,
  );

describe("a node", () => {
  it("says its height, how old its tip is and how often that comes", () => {
    show(<NodeCard node={node({ tip_age_s: 3_540 })} />, NOW_MS + 60_000);
    const card = screen.getByRole("article", { name: "Node core-1" });
    expect(card.textContent).toContain("1 h since its newest block");
    expect(card.textContent).toContain("a gap this long comes every 2.8 days");
  });

  it("that is down keeps the height that it had, and says what to do", () => {
    show(<NodeCard node={node({ is_up: false, status: "unhealthy", message: "unreachable: refused", advice: "start the node", tip_age_s: null })} />);
    expect(screen.getByTestId("height").textContent).toBe("102");
    expect(screen.getByText(/start the node/)).toBeTruthy();
    expect(screen.queryByText("Peers")).toBeNull();
  });
});

describe("whether money can move", () => {
  const watched = { nodes: 2, wallets: 1, hsms: 0 };
  const reasons = Array.from({ length: 7 }, (_, index) => ({ level: "hold" as const, text: `reason ${index}`, place: `node/core-${index}` }));

  it("is said in two words, with what they stand on", () => {
    show(<VerdictCard verdict={{ level: "go", reasons: [] }} watched={watched} oldMs={null} />);
    expect(screen.getByRole("status").textContent).toBe("Money can move2 nodes well, 1 wallet well, no HSM is watched.");
  });

  it("leads to each of the first reasons, and counts the others", () => {
    show(<VerdictCard verdict={{ level: "hold", reasons }} watched={watched} oldMs={null} />);
    expect(screen.getByRole("status").textContent).toContain("Hold withdrawals");
    const links = within(screen.getByRole("list", { name: "Why" })).getAllByRole("link");
    expect(links).toHaveLength(5);
    expect(links[0]?.getAttribute("href")).toContain("custody?at=node%2Fcore-0");
    expect(screen.getByText("and 2 more below")).toBeTruthy();
  });

  it("is not said of what is old", () => {
    show(<VerdictCard verdict={{ level: "go", reasons: [] }} watched={watched} oldMs={NOW_MS} />);
    expect(screen.getByTestId("verdict").dataset["level"]).toBe("unknown");
    expect(screen.getByRole("status").textContent).toContain("the server does not answer");
  });
});

describe("the strip of blocks", () => {
  it("marks a block that just came, and counts what it confirmed of ours", () => {
    const blocks = [
      { height: 102, hash: TXID, seenMs: NOW_MS - 1_000, nodes: ["core-1"], isContested: false },
      { height: 101, hash: "cd".repeat(32), seenMs: null, nodes: ["core-1", "core-2"], isContested: false },
    ];
    show(<BlockStrip strip={{ network: "Litecoin main", nodes: 2, blocks }} own={new Map([[TXID, 3]])} />);
    const [tip, before] = screen.getAllByTestId("block");
    expect([tip?.dataset["new"], before?.dataset["new"]]).toEqual(["true", "false"]);
    expect(tip?.textContent).toContain("3 of ours");
    expect(tip?.textContent).toContain("only core-1");
    expect(screen.getByRole("region", { name: "Newest blocks of Litecoin main" })).toBeTruthy();
  });
});

describe("a reorg", () => {
  it("is told with its depth and with what it undid of ours", () => {
    const reorg = { depth_blocks: 2, fork_height: 100, seen_at: "2026-12-01T11:59:00Z" };
    show(<ReorgBanner nodes={[node({ reorg })]} reopened={1} />);
    expect(screen.getByRole("alert").textContent).toContain("2 blocks above 100 left the chain 1 min ago. 1 of our transactions");
  });

  it("is nothing where all is calm", () => {
    show(<ReorgBanner nodes={[node()]} reopened={0} />);
    expect(screen.queryByRole("alert")).toBeNull();
  });
});

describe("a stuck transaction", () => {
  afterEach(() => vi.unstubAllGlobals());
  const stuck: OwnTransaction = {
    ...{ chain: "main", coin: "", node: "core-1", wallet: "hot", txid: TXID, direction: "withdrawal", amount_sats: 1_234, fee_sats: 200, rate_sat_per_vb: 1, status: "open" },
    ...{ market_sat_per_vb: 20, seen_at: null, age_blocks: 7, is_stuck: true, is_in_mempool: true, is_reopened: false, is_evicted: false, lacks: "" },
    bump: {
      ...{ kind: "rbf", fee_rate_sat_per_vb: 22, fee_sats: 4_400, extra_sats: 4_200, command: `bitcoin-cli -rpcwallet=hot bumpfee ${TXID}` },
      note: "unlock the wallet first",
    },
  };

  it("says what would confirm it, what that costs and how it is done", () => {
    show(<Transactions transactions={[stuck]} />);
    const card = screen.getByTestId("stuck");
    expect(card.textContent).toContain("7 blocks");
    expect(card.textContent).toContain("0.05× the market (20 sat/vB)");
    expect(card.textContent).toContain("a fee of 4,400 sat, 4,200 sat more");
    expect(within(card).getByText("Type this where core-1 runs:")).toBeTruthy();
    expect(within(card).getByRole("group", { name: "the command" }).textContent).toBe(`bitcoin-cli -rpcwallet=hot bumpfee ${TXID}`);
    expect(within(card).getByText(/unlock the wallet first/)).toBeTruthy();
  });

  it("that the mempool lost says so, and why nothing here frees it", () => {
    show(<Transactions transactions={[{ ...stuck, is_in_mempool: false, is_evicted: true, rate_sat_per_vb: null, bump: null, lacks: "no replacement: its size is not known" }]} />);
    const card = screen.getByTestId("stuck");
    expect(within(card).getByText("thrown out of the mempool")).toBeTruthy();
    expect(card.textContent).toContain("pay nobody a second time");
    expect(card.textContent).toContain("Cannot be bumped here: no replacement: its size is not known");
  });

  it("stands beside the operation that it belongs to, and others do not", async () => {
    vi.stubGlobal("fetch", async () => Response.json({ transactions: [stuck, { ...stuck, txid: "cd".repeat(32) }] }));
    show(<OpenNote ids={["c", TXID]} />);
    expect((await screen.findByTestId("stuck")).textContent).toContain(TXID);
    expect(screen.getAllByTestId("stuck")).toHaveLength(1);
  });
});

const SPEND: Spend = {
  ...{ chain: "main", coin: "", wallet: "hot", node: "core-1", txid: TXID, direction: "withdrawal", amount_sats: 1_234, fee_sats: 1, seen_at: null, state: "matched" },
  ...{ lacks: [], correlation_ids: [], operation: "", replaces: "", is_gone: false, signature: "", rivals: [], accepted_by: "", note: "" },
};

describe("a spend", () => {
  it("that nobody asked for stands first and says what it lacks", () => {
    const spends: Spend[] = [
      { ...SPEND, txid: "cd".repeat(32) },
      { ...SPEND, state: "unmatched", lacks: ["request", "approval"] },
    ];
    show(<Spends spends={spends} />);
    const [first] = screen.getAllByTestId("spend");
    expect(first?.textContent).toContain("Nobody asked for it");
    expect(first?.textContent).toContain("no request");
    expect(first?.textContent).toContain("signature");
    expect(within(first ?? document.body).getByRole("link", { name: "Logs" })).toBeTruthy();
  });

  it("of before its wallet was watched is not said to be in order", () => {
    show(<Spends spends={[{ ...SPEND, state: "history" }]} />);
    const text = screen.getByTestId("spend").textContent;
    expect(text).toContain("Made before its wallet was watched");
    for (const part of ["request", "approval", "signature"]) expect(text).not.toContain(part);
  });
});

describe("how a spend stands", () => {
  const told = (changes: Partial<Spend>) => {
    show(<Spends spends={[{ ...SPEND, ...changes }]} />);
    return screen.getByTestId("spend");
  };

  it("is said with how its signature is known", () => {
    expect(within(told({ signature: "carried" })).getByText(/signature found in it/).title).toContain("carries a signature");
    cleanup();
    expect(within(told({ signature: "told" })).getByText(/signature told of/).title).toContain("not of which");
  });

  it("is not said while it waits: nothing is ticked that nobody found", () => {
    const row = told({ state: "waiting" });
    expect(row.textContent).toContain("being looked for");
    expect(row.querySelector(".as-chip-good")).toBeNull();
  });

  it("is said in words where more was spent than asked for", () => {
    expect(told({ state: "unmatched", lacks: ["amount"] }).textContent).toContain("more than was asked for");
  });

  it("links what it replaces once, and what spends the same outputs", () => {
    const [old, rival] = ["11".repeat(32), "22".repeat(32)] as const;
    const row = told({ replaces: old, rivals: [old, rival] });
    const linked = within(row).getAllByRole<HTMLAnchorElement>("link").map((link) => link.title);
    expect(linked).toEqual([TXID, old, rival]);
    expect(row.textContent).toContain("at most one of them is ever mined");
  });

  it("is said beside the operation, with the strength of its proof", () => {
    show(<SpendNote spend={{ ...SPEND, signature: "told" }} />);
    expect(document.body.textContent).toContain("request, approval and signature are there (matched). A signer told of a signature");
    cleanup();
    show(<SpendNote spend={{ ...SPEND, state: "unmatched", lacks: ["request"], rivals: ["22".repeat(32)] }} />);
    expect(screen.getByRole("alert").textContent).toContain("no request (unmatched)");
    expect(screen.getByRole("alert").textContent).toContain("spends the same outputs as");
  });
});

describe("a second", () => {
  afterEach(() => vi.useRealTimers());

  it("ages a spend and draws nothing else of it again", () => {
    vi.useFakeTimers({ now: NOW_MS });
    let drawn = 0;
    const spend = Object.defineProperty({ ...SPEND, seen_at: "2026-12-01T11:59:58Z" }, "operation", { get: () => `drawn ${++drawn}` });
    show(
      <Ticking everyMs={1_000}>
        <Spends spends={[spend]} />
      </Ticking>,
    );
    const before = drawn;
    expect(screen.getByTestId("spend").textContent).toContain("2 s ago");
    act(() => vi.advanceTimersByTime(3_000));
    expect(screen.getByTestId("spend").textContent).toContain("5 s ago");
    expect(drawn).toBe(before);
  });
});

describe("accepting a spend", () => {
  const unmatched: Spend = { ...SPEND, state: "unmatched", lacks: ["request", "signature"] };
  const sent = vi.fn<(url: string, init: RequestInit) => Promise<Response>>();
  const open = () => {
    show(<Spends spends={[unmatched]} />);
    fireEvent.click(screen.getByRole("button", { name: /^Accept/ }));
    return screen.findByRole("dialog");
  };
  const fill = (dialog: HTMLElement) => {
    fireEvent.change(within(dialog).getByLabelText(/Your name/), { target: { value: " ann " } });
    fireEvent.change(within(dialog).getByLabelText(/Why it is in order/), { target: { value: " by hand " } });
    fireEvent.click(within(dialog).getByRole("button", { name: "Accept this spend" }));
  };

  beforeEach(() => {
    localStorage.clear();
    sent.mockReset();
    vi.stubGlobal("fetch", sent);
  });
  afterEach(() => vi.unstubAllGlobals());

  it("says what it does of which spend, and wants a name and a reason", async () => {
    const dialog = await open();
    expect(dialog.textContent).toContain("1,234 sat left hot (main): no request, no signature");
    expect(dialog.textContent).toContain("cannot be undone");
    const submit = within(dialog).getByRole<HTMLButtonElement>("button", { name: "Accept this spend" });
    fireEvent.change(within(dialog).getByLabelText(/Your name/), { target: { value: "ann" } });
    fireEvent.change(within(dialog).getByLabelText(/Why it is in order/), { target: { value: "  " } });
    expect(submit.disabled).toBe(true);
    expect(sent).not.toHaveBeenCalled();
  });

  it("is sent once with both, closes, and remembers the name", async () => {
    sent.mockImplementation(async () => Response.json({ ...unmatched, state: "accepted" }));
    fill(await open());
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    const [[url, init] = ["", {}]] = sent.mock.calls;
    expect(url).toContain(`/api/anyascope/v1/custody/spends/main/${TXID}/accept`);
    expect(init.method).toBe("POST");
    expect(JSON.parse(String(init.body))).toEqual({ by: "ann", note: "by hand" });
    expect(sent).toHaveBeenCalledTimes(1);
    expect(JSON.stringify({ ...localStorage })).toContain("ann");
  });

  it("that is refused says why and keeps what was written", async () => {
    sent.mockImplementation(async () => Response.json({ title: "Conflict", detail: "it is matched by now", status: 409, code: "conflict" }, { status: 409 }));
    const dialog = await open();
    fill(dialog);
    expect(await within(dialog).findByText(/it is matched by now/)).toBeTruthy();
    expect(within(dialog).getByLabelText<HTMLTextAreaElement>(/Why it is in order/).value).toBe(" by hand ");
  });

  it("is not offered for a spend that is in order", () => {
    show(<Spends spends={[{ ...unmatched, state: "accepted", accepted_by: "ann", note: "by hand" }]} />);
    expect(screen.queryByRole("button", { name: /^Accept/ })).toBeNull();
    expect(screen.getByTestId("spend").textContent).toContain("by ann: by hand");
  });
});

describe("a wallet", () => {
  const wallet = {
    ...{ chain: "main", coin: "", node: "core-1", name: "hot", is_loaded: true, fault: "", is_scanning: false, looked_at: null, keypool_size: 1 },
    funds: { trusted_sats: 150_000_000, pending_sats: 1, immature_sats: 0 },
    fee: { sat_per_vb: 2, median_sat_per_vb: 20, source: "estimate" },
    coins: {
      ...{ coins: 500, sats: 150_000_000, sizes: [], dust_coins: 12, dust_sats: 6_000, spend_vbytes: 34_000, spend_transactions: 1, spend_cost_sats: 68_000 },
      consolidation: { is_advised: true, coins: 488, transactions: 1, cost_sats: 66_000, saving_sats: 900_000 },
    },
  } as Wallet;

  it("says what it holds to the sat, its dust, and what moving it costs", () => {
    show(<Wallets wallets={[wallet]} />);
    const card = screen.getByTestId("wallet");
    expect(card.textContent).toContain("1.50000000 BTC 150,000,000 sat");
    expect(card.textContent).toContain("12 of them dust (6,000 sat)");
    expect(card.textContent).toContain("put 488 outputs together for 66,000 sat and save 900,000 sat later");
  });

  it("of another coin says so with each amount", () => {
    show(<Wallets wallets={[{ ...wallet, coin: "litecoin" }]} />);
    const card = screen.getByTestId("wallet");
    expect(card.textContent).toContain("core-1 · Litecoin main");
    expect(card.textContent).toContain("1.50000000 LTC 150,000,000 litoshi");
    expect(card.textContent).toContain("at 2 litoshi/vB");
    expect(card.textContent).not.toMatch(/BTC|\bsat\b/);
  });

  it("that is not loaded has no figures", () => {
    show(<Wallets wallets={[{ ...wallet, is_loaded: false, funds: null, coins: null }]} />);
    expect(screen.getByTestId("wallet").textContent).toBe("hotcore-1 · mainnot loaded at the node");
  });
});

describe("an HSM", () => {
  const change = "1 keys of private EC more than accepted";
  const health = { component: "collect.hsm.core", kind: "collector", status: "degraded" as const, message: change, advice: "see who made them", since: null };
  const card = (changes: readonly string[], accepted_at: string | null = "2026-12-01T11:00:00Z") => {
    show(<Hsms hsms={hsmsOf([], [health])} states={[{ name: "core", accepted_at, changes }]} />);
    return screen.getByTestId("hsm");
  };

  it("says each change since it was accepted, once, and what accepts it", () => {
    const told = card([change, "its firmware is 7.9, was 7.8"]);
    expect(within(told).getAllByText(change)).toHaveLength(1);
    expect(told.textContent).toContain("Changed since it was accepted 1 h ago");
    expect(told.textContent).toContain("its firmware is 7.9, was 7.8");
    expect(told.textContent).toContain("see who made them");
    expect(within(told).getByRole("group", { name: "the command" }).textContent).toBe("anyascope hsm accept core");
  });

  it("that is as it was accepted says so, and has other troubles in full", () => {
    const told = card([]);
    expect(told.textContent).toContain("As it was accepted 1 h ago");
    expect(told.textContent).toContain(change);
    expect(told.textContent).not.toContain("hsm accept");
  });

  it("whose token was never seen says nothing of it", () => {
    expect(card([], null).textContent).not.toContain("accepted 1 h");
  });
});

describe("a stage", () => {
  it("that is missing says so in words", () => {
    show(<StagePicture stages={[{ name: "approval", state: "missing", at: null, took_ns: null, detail: "" }]} />);
    expect(screen.getByTestId("stage-approval").textContent).toBe("approvalmissing");
  });
});

describe("a runbook's text", () => {
  it("becomes elements, and HTML in it stays text", () => {
    const { container } = show(<Markdown text={"## Do\n\n1. `ls` <img src=x>\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n[x](javascript:alert)"} />);
    expect(screen.getByRole("heading", { level: 2, name: "Do" })).toBeTruthy();
    expect(container.querySelector("ol code")?.textContent).toBe("ls");
    expect(container.querySelectorAll("td")).toHaveLength(2);
    expect(container.querySelector("img, a")).toBeNull();
    expect(container.textContent).toContain("<img src=x>");
  });
});
