// @vitest-environment happy-dom
import { MantineProvider } from "@mantine/core";
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, describe, expect, it, vi } from "vitest";

import { QueryFailure } from "../../src/features/metrics/QueryFailure";
import { HealthList } from "../../src/features/now/HealthList";
import { ApiProblem } from "../../src/model/problem";
import { AlertMark } from "../../src/ui/AlertMark";
import { Empty, Failure, Loading } from "../../src/ui/States";
import { guardMarkup } from "../../src/ui/trusted";

afterEach(cleanup);

const show = (element: React.ReactNode) => render(<MantineProvider>{element}</MantineProvider>);

describe("the states of a screen", () => {
  it("say what is being loaded", () => {
    show(<Loading what="logs" />);
    expect(screen.getByRole("status", { name: "Loading logs" })).toBeTruthy();
  });

  it("give the next step where there is nothing", () => {
    show(<Empty title="No logs in this range" code="curl …">Send some.</Empty>);
    expect(screen.getByText("Send some.")).toBeTruthy();
    expect(screen.getByRole("group", { name: "what to write" }).textContent).toBe("curl …");
    expect(screen.getByRole("button", { name: "Copy what to write" })).toBeTruthy();
  });

  it("say what went wrong, what to do, and try again", () => {
    const retry = vi.fn();
    show(<Failure problem={new ApiProblem("busy", 503, "unavailable", 3)} what="Logs" onRetry={retry} />);
    expect(screen.getByRole("alert").textContent).toContain("Try again in 3 s");
    fireEvent.click(screen.getByRole("button", { name: "Try again" }));
    expect(retry).toHaveBeenCalledOnce();
  });
});

describe("a query that cannot be read", () => {
  it("is shown with a mark below the mistake", () => {
    show(<QueryFailure query={"sum(\nup"} problem={new ApiProblem("2:3: parse error: unclosed", 400, "bad_data")} onRetry={vi.fn()} />);
    expect(screen.getByRole("alert").querySelector("pre")?.textContent).toBe("up\n  ^");
  });

  it("is a plain failure where no place is named", () => {
    show(<QueryFailure query="up" problem={new ApiProblem("timed out", 503, "timeout")} onRetry={vi.fn()} />);
    expect(screen.getByRole("alert").textContent).toContain("timed out");
  });
});

describe("a severity", () => {
  it("is a word with its mark and deadline beside", () => {
    show(<AlertMark severity="critical" />);
    expect(screen.getByText("critical").title).toBe("🚨 critical: act at once");
  });

  it("that nobody knows is still shown", () => {
    show(<AlertMark severity="page" />);
    expect(screen.getByText("page")).toBeTruthy();
  });
});

describe("health", () => {
  it("gives advice only where something is wrong", () => {
    const part = { component: "host", kind: "collector", message: "", advice: "restart it", since: null };
    show(<HealthList nowMs={0} components={[{ ...part, status: "degraded" }, { ...part, component: "b", status: "healthy" }]} />);
    expect(screen.getAllByText(/restart it/)).toHaveLength(1);
  });
});

describe("the policy on markup", () => {
  it("lets style sheets through and refuses markup", () => {
    let rules: { createHTML: (text: string) => string } | undefined;
    vi.stubGlobal("trustedTypes", { createPolicy: (_name: string, given: typeof rules) => (rules = given) });
    guardMarkup();
    expect(rules?.createHTML("a > b { color: red }")).toContain("color");
    expect(() => rules?.createHTML("<img src=x onerror=alert(1)>")).toThrow(TypeError);
    vi.unstubAllGlobals();
  });
});
