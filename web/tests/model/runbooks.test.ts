import { expect, it } from "vitest";

import { byPack, filterRunbooks, runbookName, type RunbookEntry } from "../../src/model/runbooks";

const book = (alertname: string, pack: string, title = ""): RunbookEntry => ({ alertname, pack, title });
const books = [book("DiskFull", ""), book("WalletLow", "wallets", "WalletLow: little is left"), book("HsmDown", "hsm")];

it("stand by pack, those of no pack last", () => {
  expect(byPack(books).map(([pack, own]) => [pack, own.map((one) => one.alertname)])).toEqual([
    ["hsm", ["HsmDown"]],
    ["wallets", ["WalletLow"]],
    ["", ["DiskFull"]],
  ]);
});

it("are found by every word of name or title", () => {
  expect(filterRunbooks(books, "wallet LEFT").map((one) => one.alertname)).toEqual(["WalletLow"]);
  expect(filterRunbooks(books, " ")).toHaveLength(3);
  expect(filterRunbooks(books, "no")).toEqual([]);
});

it("are recognised by the address that leads to them, and a broken one leads nowhere", () => {
  expect(runbookName("/runbooks/Hsm%20Down", "http://a/")).toBe("Hsm Down");
  expect(runbookName("/runbooks/100%", "http://a/")).toBeNull();
});
