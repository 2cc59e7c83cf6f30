// Which requests are those of web pages, or of pages whose name was made to resolve to this machine.

import { describe, expect, test } from "bun:test";
import { type BrowserGuard, browserGuard } from "../../../src/transport/http/browser-guard.ts";
import { parseHost } from "../../../src/transport/http/request-head.ts";

const local = { host: "127.0.0.1", port: 7171 };

const passes = (guard: BrowserGuard, host: string, fields: Record<string, string> = {}): boolean =>
  guard({ host: parseHost(host), header: (name) => fields[name] }) === undefined;

test("an Origin is refused, whatever it is, wherever the port listens", () => {
  for (const guard of [browserGuard(local), browserGuard({ host: "0.0.0.0", port: 1 })]) {
    expect(passes(guard, "127.0.0.1")).toBe(true);
    for (const origin of ["http://evil.example", "null", "http://127.0.0.1:7171", ""])
      expect([origin, passes(guard, "127.0.0.1", { origin })]).toEqual([origin, false]);
  }
});

test("a Sec-Fetch-Site of none or same-origin passes", () => {
  const guard = browserGuard(local);
  for (const [site, isPassed] of [
    ["none", true],
    ["same-origin", true],
    ["None", true],
    ["same-site", false],
    ["cross-site", false],
    ["none, cross-site", false],
    ["", false],
    ["anything", false],
  ] as const)
    expect([site, passes(guard, "localhost", { "sec-fetch-site": site })]).toEqual([site, isPassed]);
});

describe("a host, where the port listens on loopback,", () => {
  test("is an address, localhost or an advertised one", () => {
    const guard = browserGuard(local, ["Registry.Example", "2001:db8::1"]);
    const own = ["127.0.0.1:7171", "localhost:7171", "LocalHost.", "[::1]:7171", "10.0.0.1", "registry.example:80"];
    for (const host of own) expect([host, passes(guard, host)]).toEqual([host, true]);
    const others = ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "x.localhost", "example"];
    for (const host of others) expect([host, passes(guard, host)]).toEqual([host, false]);
  });

  test("may be missing: every browser names one", () => {
    expect(passes(browserGuard(local), "")).toBe(true);
  });

  test("is looked at on every kind of loopback, and nowhere else", () => {
    const spellings = ["LOCALHOST", "127.1", "0x7f.1", "2130706433", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1"];
    for (const host of ["127.0.0.1", "127.8.9.10", "::1", "localhost", ...spellings])
      expect([host, passes(browserGuard({ host, port: 1 }), "evil.example")]).toEqual([host, false]);
    for (const host of ["0.0.0.0", "::", "10.0.0.5"])
      expect([host, passes(browserGuard({ host, port: 1 }), "registry.internal")]).toEqual([host, true]);
  });
});
