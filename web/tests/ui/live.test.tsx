// @vitest-environment happy-dom
import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, cleanup, fireEvent, render, renderHook, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { sampleAlerts, sampleHealth } from "../../dev/alerts";
import { TIMEOUT_MS } from "../../src/api/http";
import { useReach } from "../../src/api/reach";
import { AlertActs } from "../../src/features/alerts/AlertActs";
import { LiveRows } from "../../src/features/logs/LiveRows";
import { Overall } from "../../src/features/now/Overall";
import { Away } from "../../src/features/shell/Away";
import type { Alert } from "../../src/model/alerts";
import { ApiProblem } from "../../src/model/problem";
import { navigate } from "../../src/state/location";
import { ReachContext } from "../../src/state/reach";
import "./patience";

const NOON_MS = Date.parse("2026-12-01T12:00:00Z");

function framed(client = new QueryClient({ defaultOptions: { queries: { retry: false } } })) {
  return ({ children }: { children: React.ReactNode }) => (
    <QueryClientProvider client={client}>
      <MantineProvider env="test">{children}</MantineProvider>
    </QueryClientProvider>
  );
}

beforeEach(() => {
  const base = document.createElement("base");
  base.href = "http://localhost/ui/";
  document.head.replaceChildren(base);
  window.localStorage.clear();
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

describe("whether the server answers", () => {
  afterEach(() => vi.useRealTimers());

  const opened = () => {
    vi.useFakeTimers({ now: NOON_MS, toFake: ["Date"] });
    const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
    const reach = renderHook(() => useReach(), { wrapper: framed(client) });
    const ask = (answer: () => Promise<unknown>) => act(() => client.fetchQuery({ queryKey: ["x"], queryFn: answer }).catch(() => null));
    return { reach, ask };
  };
  const refused = () => Promise.reject(new ApiProblem("The server cannot be reached.", 0, "unreachable"));

  it("is told since the last answer, until the next one", async () => {
    const { reach, ask } = opened();
    vi.setSystemTime(NOON_MS + 5_000);
    await ask(() => Promise.resolve(1));
    vi.setSystemTime(NOON_MS + 9_000);
    await ask(refused);
    vi.setSystemTime(NOON_MS + 15_000);
    await ask(refused);
    expect(reach.result.current).toBe(NOON_MS + 5_000);
    await ask(() => Promise.resolve(2));
    expect(reach.result.current).toBeNull();
  });

  it("is not doubted for a refusal, nor for one question that is too much for it", async () => {
    const { reach, ask } = opened();
    await ask(() => Promise.reject(new ApiProblem("the store is away", 500, "internal")));
    await ask(() => Promise.reject(new ApiProblem("No answer within 60 s.", 0, "timeout")));
    expect(reach.result.current).toBeNull();
    vi.setSystemTime(NOON_MS + TIMEOUT_MS);
    await ask(() => Promise.reject(new ApiProblem("No answer within 60 s.", 0, "timeout")));
    expect(reach.result.current).toBe(NOON_MS);
  });
});

describe("a page whose server is away", () => {
  it("says since when, and asks when it is told to", () => {
    const ask = vi.fn();
    render(<Away sinceMs={Date.now() - 65_000} onRetry={ask} />, { wrapper: framed() });
    expect(screen.getByRole("alert").textContent).toMatch(/Disconnected since [\d:]+ \(\d+ min/);
    fireEvent.click(screen.getByRole("button", { name: "Try now" }));
    expect(ask).toHaveBeenCalledOnce();
  });

  it("calls nothing healthy", () => {
    const health = { ...sampleHealth(), status: "healthy" as const };
    render(
      <ReachContext value={NOON_MS}>
        <Overall health={health} firing={0} urgent={0} />
      </ReachContext>,
      { wrapper: framed() },
    );
    expect(screen.getByTestId("overall").textContent).toBe("Unknown");
    expect(screen.getByRole("region").textContent).toContain("It was healthy at");
  });
});

describe("the live tail", () => {
  class Source extends EventTarget {
    static opened: Source[] = [];
    onopen: (() => void) | null = null;
    onerror: (() => void) | null = null;
    close = vi.fn();
    constructor() {
      super();
      Source.opened.push(this);
    }
  }

  it("is not called live before the server listens, nor after it went", () => {
    Source.opened = [];
    vi.stubGlobal("EventSource", Source);
    render(<LiveRows query="" onFilter={vi.fn()} />, { wrapper: framed() });
    const said = () => screen.getByRole("status").textContent;
    expect(said()).toMatch(/^Connecting/);
    act(() => Source.opened[0]?.onopen?.());
    expect(said()).toMatch(/^Live: 0 rows so far/);
    act(() => Source.opened[0]?.onerror?.());
    expect(said()).toMatch(/^Connection lost/);
  });
});

describe("the form of an alert", () => {
  const [firing] = sampleAlerts() as [Alert, ...Alert[]];
  const taken: Alert = { ...firing, acknowledgement: { by: "ben", at: "2026-12-01T12:00:00Z", until: null, note: "" } };

  it("stays while somebody else does the same, and keeps what was typed", async () => {
    navigate("/ui/alerts/fp1?do=acknowledge");
    vi.stubGlobal("fetch", async () => Response.json({ alert: taken, timeline: [], notice: "ben was first" }));
    const shown = render(<AlertActs alert={firing} />, { wrapper: framed() });
    fireEvent.change(screen.getByLabelText(/Your name/), { target: { value: "ada" } });
    shown.rerender(<AlertActs alert={taken} />);
    expect((screen.getByLabelText(/Your name/) as HTMLInputElement).value).toBe("ada");
    fireEvent.click(screen.getByRole("button", { name: "Acknowledge" }));
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    expect(screen.getByRole("status").textContent).toBe("ben was first");
  });

  it("is not opened for what makes no sense", () => {
    navigate("/ui/alerts/fp1?do=acknowledge");
    render(<AlertActs alert={taken} />, { wrapper: framed() });
    expect(screen.queryByRole("dialog")).toBeNull();
  });
});
