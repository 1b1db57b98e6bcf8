// @vitest-environment happy-dom
import { act, cleanup, renderHook } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { findPage } from "../../src/features/shell/pages";
import { toggled } from "../../src/features/logs/useLogSearch";
import { readTags } from "../../src/features/traces/SearchForm";
import { followFragment, href, navigate, useLocation, useQueryState } from "../../src/state/location";
import { usePanels } from "../../src/state/panels";
import { useRange } from "../../src/state/range";
import { useHistory } from "../../src/state/stored";

beforeEach(() => {
  const base = document.createElement("base");
  base.href = "/ui/";
  document.head.replaceChildren(base);
  window.localStorage.clear();
  navigate("/ui/logs");
});

afterEach(cleanup);

describe("the address", () => {
  it("is read below the base", () => {
    navigate("/ui/traces/abc?span=1");
    const { result } = renderHook(() => useLocation());
    expect(result.current.path).toBe("traces/abc");
    expect(result.current.query.get("span")).toBe("1");
  });

  it("is written below the base, without what is empty", () => {
    expect(href("logs", { q: "a b", sev: null, row: "" })).toBe("/ui/logs?q=a+b");
    expect(href("now")).toBe("/ui/now");
  });

  it("follows links in Alertmanager's form", () => {
    navigate("/ui/#/alerts?receiver=team+hsm%2Fops");
    followFragment();
    expect(window.location.pathname + window.location.search).toBe("/ui/alerts?receiver=team+hsm%2Fops");
    expect(window.location.hash).toBe("");
  });

  it("changes in part and keeps the rest", () => {
    navigate("/ui/logs?q=x&from=-1h");
    const { result } = renderHook(() => useQueryState());
    act(() => result.current[1]({ q: null, sev: "ERROR" }));
    expect(window.location.search).toBe("?from=-1h&sev=ERROR");
  });

  it("holds the range, which a zoom replaces", () => {
    const { result } = renderHook(() => useRange());
    expect(result.current[0]).toEqual({ from: "-1h", to: "now" });
    act(() => result.current[1]({ from: "-5m", to: "now" }));
    expect(result.current[0].from).toBe("-5m");
  });

  it("holds several queries", () => {
    navigate("/ui/metrics?q=up&q=node_load1");
    const { result } = renderHook(() => usePanels());
    expect(result.current.queries).toEqual(["up", "node_load1"]);
    act(() => result.current.add());
    act(() => result.current.setQuery(2, "x"));
    act(() => result.current.remove(0));
    expect(new URLSearchParams(window.location.search).getAll("q")).toEqual(["node_load1", "x"]);
  });

  it("leads to a page and what follows it", () => {
    expect(findPage("traces/ab%2Fc")).toMatchObject({ page: { path: "traces" }, rest: "ab/c" });
    expect(findPage("")?.page.path).toBe("now");
    expect(findPage("nowhere")).toBeNull();
  });
});

describe("what the browser remembers", () => {
  it("has each query once, the newest first", () => {
    const { result } = renderHook(() => useHistory("test"));
    for (const query of ["a", "b", "a", " "]) act(() => result.current[1](query));
    expect(result.current[0]).toEqual(["a", "b"]);
  });

  it("survives rubbish written by others", () => {
    window.localStorage.setItem("anyascope.history.odd", "{not json");
    expect(renderHook(() => useHistory("odd")).result.current[0]).toEqual([]);
  });
});

describe("forms", () => {
  it("read tags with and without quotes", () => {
    expect(readTags('http.status_code=500 wallet="cold \\"1\\"" alone')).toEqual(["http.status_code=500", 'wallet=cold "1"']);
  });

  it("take all levels for none", () => {
    expect(toggled([], "ERROR")).toBe("ERROR");
    expect(toggled(["ERROR"], "ERROR")).toBeNull();
    expect(toggled(["FATAL", "ERROR", "WARN", "INFO", "DEBUG"], "TRACE")).toBeNull();
  });
});
