// @vitest-environment happy-dom
import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { notifications, sampleAlerts } from "../../dev/alerts";
import { samplePreview, sampleRouting, sampleSilences } from "../../dev/alerting";
import { ActForm } from "../../src/features/alerts/ActForm";
import { DeadLetters } from "../../src/features/routing/DeadLetters";
import { RouteTree } from "../../src/features/routing/RouteTree";
import { SilenceForm } from "../../src/features/silences/SilenceForm";
import { navigate } from "../../src/state/location";
import "./patience";

type Answer = (path: string, body: unknown) => unknown;

/** A server that answers every request by a function; what it was sent. */
function serve(answer: Answer): { path: string; body: unknown }[] {
  const asked: { path: string; body: unknown }[] = [];
  vi.stubGlobal("fetch", (url: string, init: RequestInit) => {
    const path = new URL(url).pathname.replace("/api/anyascope/v1", "");
    const body: unknown = typeof init.body === "string" ? JSON.parse(init.body) : null;
    asked.push({ path, body });
    const said = answer(path, body);
    return Promise.resolve(said instanceof Response ? said : new Response(JSON.stringify(said)));
  });
  return asked;
}

function show(element: React.ReactNode) {
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  return render(
    <MantineProvider env="test">
      <QueryClientProvider client={client}>{element}</QueryClientProvider>
    </MantineProvider>,
  );
}

const type = (label: string | RegExp, value: string) => fireEvent.change(screen.getByLabelText(label), { target: { value } });

beforeEach(() => {
  const base = document.createElement("base");
  base.href = "http://localhost/ui/";
  document.head.replaceChildren(base);
  window.localStorage.clear();
  navigate("/ui/alerts");
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

describe("acknowledging several alerts", () => {
  const alerts = sampleAlerts().slice(0, 3);
  it("does what it can, tells what failed, and asks again only for that", async () => {
    let isBroken = true;
    const asked = serve((path) =>
      isBroken && path.includes("fp2") ? new Response(JSON.stringify({ detail: "it is gone", code: "not_found" }), { status: 404 }) : { alert: {}, timeline: [], notice: null },
    );
    const done = vi.fn();
    show(<ActForm action="acknowledge" alerts={alerts} onClose={vi.fn()} onDone={done} />);
    type(/Your name/, "ada");
    type("For how long", "30m");
    fireEvent.click(screen.getByRole("button", { name: "Acknowledge" }));
    await waitFor(() => expect(screen.getByRole("alert").textContent).toContain("it is gone"));
    expect(asked.map((one) => one.path).sort()).toEqual(alerts.map((alert) => `/alerts/${alert.id}/acknowledge`));
    expect(asked[0]?.body).toEqual({ by: "ada", for_s: 1_800 });
    expect(done).not.toHaveBeenCalled();
    isBroken = false;
    fireEvent.click(screen.getByRole("button", { name: "Acknowledge" }));
    await waitFor(() => expect(done).toHaveBeenCalledOnce());
    expect(asked).toHaveLength(4);
  });

  it("asks for a name once", async () => {
    serve(() => ({ alert: {}, timeline: [], notice: "ben was first" }));
    const done = vi.fn();
    const first = show(<ActForm action="acknowledge" alerts={alerts.slice(0, 1)} onClose={vi.fn()} onDone={done} />);
    expect((screen.getByRole("button", { name: "Acknowledge" }) as HTMLButtonElement).disabled).toBe(true);
    type(/Your name/, "ada");
    fireEvent.click(screen.getByRole("button", { name: "Acknowledge" }));
    await waitFor(() => expect(done.mock.calls[0]?.[0].notices).toEqual(["ben was first"]));
    first.unmount();
    show(<ActForm action="assign" alerts={alerts.slice(0, 1)} onClose={vi.fn()} onDone={done} />);
    expect((screen.getByLabelText(/Your name/) as HTMLInputElement).value).toBe("ada");
  });
});

describe("the silence form", () => {
  it("shows what it hits before it is made, and is filled by the address", async () => {
    navigate("/ui/silences/new?m=alertname%3DSignerDown&for=1h");
    const asked = serve((path, body) =>
      path === "/alerts" ? { alerts: sampleAlerts() } : path.endsWith("preview") ? samplePreview((body as { matchers: [] }).matchers) : sampleSilences()[0],
    );
    show(<SilenceForm nowMs={Date.parse("2026-12-01T10:00:00Z")} />);
    await waitFor(() => expect(screen.getByTestId("hits-now").textContent).toContain("hsm-1"));
    expect(screen.getByText(/mutes a critical/)).toBeTruthy();
    type(/Your name/, "ada");
    type(/^Why/, "new rack");
    fireEvent.submit(screen.getByRole("form", { name: "Silence" }));
    await waitFor(() => expect(window.location.pathname).toBe(`/ui/silences/${sampleSilences()[0]?.id}`));
    expect(asked.find((one) => one.path === "/silences")?.body).toEqual({
      matchers: [{ name: "alertname", op: "=", value: "SignerDown" }], for_s: 3_600, created_by: "ada", comment: "new rack",
    });
  });
});

describe("a recurring silence", () => {
  it("is asked for with its windows, and not while they are none", async () => {
    navigate("/ui/silences/new?m=job%3Dnode&for=30d&comment=nights");
    const asked = serve((path) => (path.endsWith("preview") ? samplePreview([]) : path === "/alerts" ? { alerts: [] } : sampleSilences()[0]));
    show(<SilenceForm nowMs={Date.parse("2026-12-01T10:00:00Z")} />);
    type(/Your name/, "ada");
    fireEvent.click(screen.getByLabelText("Only in recurring windows"));
    type("To", "22:00");
    expect(screen.getByText("the window is empty")).toBeTruthy();
    expect((screen.getByRole("button", { name: "Silence" }) as HTMLButtonElement).disabled).toBe(true);
    type("To", "05:30");
    type("Zone", "Europe/Vienna");
    for (const day of ["sunday", "monday"]) fireEvent.click(screen.getByRole("button", { name: day }));
    fireEvent.submit(screen.getByRole("form", { name: "Silence" }));
    await waitFor(() => expect(asked.some((one) => one.path === "/silences")).toBe(true));
    expect(asked.find((one) => one.path === "/silences")?.body).toMatchObject({
      for_s: 2_592_000, recurrence: { start_time: "22:00", end_time: "05:30", weekdays: ["monday", "sunday"], location: "Europe/Vienna" },
    });
  });
});

describe("a dead letter", () => {
  it("is sent again under a name, and a refusal is told", async () => {
    let isHeld = false;
    const letters = notifications().filter((one) => one.status === "failed");
    const asked = serve((path) =>
      path === "/notifications" ? { notifications: letters, cursor: null } : isHeld ? letters[0] : new Response(JSON.stringify({ detail: "no longer held whole", code: "conflict" }), { status: 409 }),
    );
    show(<DeadLetters nowMs={Date.now()} />);
    fireEvent.click(await screen.findByRole("button", { name: "Send again" }));
    type(/Your name/, "ada");
    const send = () => fireEvent.submit(screen.getByLabelText(/Your name/).closest("form") as HTMLFormElement);
    send();
    await waitFor(() => expect(screen.getByRole("alert").textContent).toContain("no longer held whole"));
    isHeld = true;
    send();
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    expect(asked.find((one) => one.path === "/notifications/n2/replay")?.body).toEqual({ by: "ada" });
  });
});

describe("the routing tree", () => {
  it("marks what takes an alert, the way to it, and what it passes by", () => {
    show(<RouteTree routing={sampleRouting()} taken={new Set(["0/0/0"])} path={new Set(["0", "0/0", "0/0/0"])} />);
    const states = screen.getAllByTestId("route").map((box) => box.parentElement?.dataset["state"]);
    expect(states).toEqual(["path", "path", "taken", "passed"]);
    expect(screen.getByText("takes it")).toBeTruthy();
  });
});
