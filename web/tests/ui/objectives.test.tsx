// @vitest-environment happy-dom
import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { ObjectiveCard } from "../../src/features/objectives/ObjectiveCard";
import type { Objective } from "../../src/model/objectives";

const NOW_MS = Date.parse("2026-12-01T12:00:00Z");
const objective: Objective = {
  ...{ name: "withdrawals", objective_ratio: 0.999, window: "1008 blocks", window_s: 604_800, window_blocks: 1008, total: "all_total", bad: "<b>bad</b>", good: "" },
  ...{ by: [], file: "/etc/rules/custody.yml", line: 4, error: "", evaluated_at: "2026-12-01T11:59:30Z", alerts: [] },
  budgets: [
    {
      ...{ labels: {}, error_ratio: 0.0012, remaining_ratio: -0.2, covered_s: 86_400 },
      burns: [{ severity: "critical", factor: 14.4, long_window: "2 blocks", short_window: "1 blocks", long_rate: 20, short_rate: null }],
    },
  ],
};
const show = (changes: Partial<Objective>) =>
  render(
    <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}>
      <MantineProvider env="test">
        <ObjectiveCard objective={{ ...objective, ...changes }} nowMs={NOW_MS} />
      </MantineProvider>
    </QueryClientProvider>,
  );

beforeEach(() => {
  vi.stubGlobal("fetch", () => new Promise(() => undefined));
});
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

describe("an objective", () => {
  it("says what was promised, what is left and how fast it burns", () => {
    show({});
    const card = screen.getByTestId("objective");
    expect(card.textContent).toContain("99.9 % good over 1008 blocks");
    expect(card.textContent).toContain("known of 1 d of the window");
    expect(screen.getByRole("meter").getAttribute("aria-valuetext")).toBe("-20 % of the budget left, the objective is missed");
    expect(card.textContent).toContain("2 blocks 20×1 blocks –");
    expect(card.textContent).toContain("bad: <b>bad</b>");
    expect(card.querySelector("b")).toBeNull();
  });

  it("without events says so, and one that fails says why", () => {
    show({ budgets: [] });
    expect(screen.getByText(/No events yet/).textContent).toContain("all_total");
    cleanup();
    show({ budgets: [], error: "many-to-many matching" });
    expect(screen.getByRole("alert").textContent).toContain("many-to-many matching");
  });

  it("whose window reaches less far than promised says how far", () => {
    show({ window_blocks: 120 });
    expect(screen.getByTestId("objective").textContent).toContain("120 of them are known");
  });
});
