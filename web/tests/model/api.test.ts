// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { encode, get, serverUrl } from "../../src/api/http";
import { queryInstant, queryRange } from "../../src/api/prometheus";
import { ApiProblem } from "../../src/model/problem";

const answers = vi.fn<typeof fetch>();

beforeEach(() => {
  const base = document.createElement("base");
  base.href = "http://watch.example/prefix/ui/";
  document.head.replaceChildren(base);
  vi.stubGlobal("fetch", answers);
});

afterEach(() => vi.unstubAllGlobals());

const json = (body: unknown, status = 200, headers = {}) => Promise.resolve(new Response(JSON.stringify(body), { status, headers }));

async function failure(asked: Promise<unknown>): Promise<ApiProblem> {
  const problem: unknown = await asked.catch((error: unknown) => error);
  if (!(problem instanceof ApiProblem)) throw new Error("it did not fail as expected");
  return problem;
}

describe("asking the server", () => {
  it("finds it beside the page, whatever stands before both", () => {
    expect(serverUrl("/api/v1/query")).toBe("http://watch.example/prefix/api/v1/query");
  });

  it("leaves out what has no value and repeats lists", () => {
    expect(encode({ a: "", b: null, c: 0, d: ["x", "y"] })).toBe("c=0&d=x&d=y");
  });

  it("tells a problem's words, code and wait", async () => {
    answers.mockReturnValueOnce(json({ title: "Busy", detail: "the queue is full", code: "unavailable", retry_after_s: 2 }, 503));
    expect(await failure(get("/x"))).toMatchObject({ message: "the queue is full", status: 503, code: "unavailable", retryAfterS: 2 });
  });

  it("tells Prometheus' errors too", async () => {
    answers.mockReturnValueOnce(json({ status: "error", errorType: "bad_data", error: "1:1: parse error" }, 400));
    expect(await failure(get("/x"))).toMatchObject({ message: "1:1: parse error", code: "bad_data" });
  });

  it("says so where something else answers", async () => {
    answers.mockReturnValueOnce(Promise.resolve(new Response("<html>proxy</html>")));
    expect(await failure(get("/x"))).toMatchObject({ code: "not_json" });
    answers.mockReturnValueOnce(Promise.resolve(new Response("bad gateway", { status: 502 })));
    expect((await failure(get("/x"))).message).toContain("502");
  });

  it("says so where nobody answers", async () => {
    answers.mockReturnValueOnce(Promise.reject(new TypeError("network")));
    expect(await failure(get("/x"))).toMatchObject({ status: 0, code: "unreachable" });
  });
});

describe("PromQL", () => {
  it("is asked on multiples of the step, the newest sample included", async () => {
    answers.mockReturnValueOnce(json({ status: "success", data: { resultType: "matrix", result: [] }, warnings: ["w"], infos: ["i"] }));
    const result = await queryRange("up", { startS: 101, endS: 161, stepS: 15 });
    expect(result).toEqual({ series: [], warnings: ["w", "i"], startS: 90, endS: 165, stepS: 15 });
  });

  it("gives one row for a scalar, and a row a sample for a range", async () => {
    answers.mockReturnValueOnce(json({ status: "success", data: { resultType: "scalar", result: [1, "2"] } }));
    expect((await queryInstant("2", 1)).series).toEqual([{ metric: {}, value: [1, "2"] }]);
    answers.mockReturnValueOnce(json({ status: "success", data: { resultType: "matrix", result: [{ metric: { a: "b" }, values: [[1, "2"], [2, "3"]] }] } }));
    expect((await queryInstant("up[1m]", 2)).series).toHaveLength(2);
  });
});
