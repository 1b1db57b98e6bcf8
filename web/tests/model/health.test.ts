import { describe, expect, it } from "vitest";

import { headline, overallStatus, type Health } from "../../src/model/health";

const WELL: Health = { status: "healthy", components: [{ component: "store", kind: "store", status: "healthy", message: "", advice: "", since: null }] };

describe("the whole", () => {
  it("is not healthy while an urgent alert fires", () => {
    expect([overallStatus(WELL, 0), overallStatus(WELL, 1)]).toEqual(["healthy", "degraded"]);
    expect(headline(WELL, 1)).toBe("1 alert is firing");
  });

  it("stays as ill as its components are", () => expect(overallStatus({ ...WELL, status: "unhealthy" }, 1)).toBe("unhealthy"));
});
