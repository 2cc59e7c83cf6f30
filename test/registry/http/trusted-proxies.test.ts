// A registry behind a proxy on loopback: a request counts as one of the client that the proxy names.

import { afterEach, describe, expect, test } from "bun:test";
import { parseLookupFile } from "../../../src/registry/lookup/lookup-file.ts";
import { Code } from "../../../src/registry/codes.ts";
import { listOfRanges, parseRange } from "../../../src/transport/address-ranges.ts";
import { testLimits } from "../../support/limits.ts";
import { chat1, endAll, TestNode } from "./support.ts";

afterEach(endAll);

const rangesOf = (cidr: string) => listOfRanges([parseRange(cidr)].filter((range) => range !== undefined));
const trustedProxies = rangesOf("127.0.0.1/32");
const of = (forwardedFor: string): RequestInit => ({ headers: { "x-forwarded-for": forwardedFor } });

/** A long poll that waits, of a client behind the proxy. */
function poll(node: TestNode, init: RequestInit) {
  const { env, appid } = chat1;
  return node.get("polls", { env, appid, latest_timestamp: "0", hostname: "poller" }, init);
}

describe("behind a trusted proxy", () => {
  test("long polls count by the client's address, and the connections of the proxy do not", async () => {
    const limits = testLimits({ pollsPerAddress: 2, registryConnectionsPerAddress: 1 });
    const node = await TestNode.start({ trustedProxies, limits });
    const abort = new AbortController();
    const waiting = ["203.0.113.9", "6.6.6.6, 203.0.113.9", "203.0.113.10"].map((address) =>
      poll(node, { ...of(address), signal: abort.signal }).catch(() => undefined),
    );
    await node.untilPolls(3);
    expect((await poll(node, of("7.7.7.7, 203.0.113.9"))).code).toBe(Code.LimitExceeded);
    abort.abort();
    await Promise.all(waiting);
  });

  test("all of an IPv6 network of 64 bits counts as one address", async () => {
    const node = await TestNode.start({ trustedProxies, limits: testLimits({ instancesPerAddress: 2 }) });
    const codes: unknown[] = [];
    for (const address of ["2001:db8::1", "2001:db8::2", "2001:db8:0:0:7::3", "2001:db8:0:1::1"])
      codes.push((await node.register({ hostname: address }, of(address))).code);
    expect(codes).toEqual([0, 0, Code.LimitExceeded, 0]);
  });

  test("a stranger behind it is no neighbour of the node's, and cannot bring another node's message", async () => {
    const body = JSON.stringify({ kind: "compare" });
    const behind = await TestNode.start({ trustedProxies });
    const message = await behind.postMessage("peer/compare", body, { "x-forwarded-for": "203.0.113.9" });
    expect(message.status).toBe(404);
    // Of this machine's own processes it is read, and found malformed.
    expect((await behind.postMessage("peer/compare", body)).code).toBe(Code.BadRequest);
  });

  test("a lookup uses the region of the caller's own address, whatever the file's proxies are", async () => {
    const lookup = parseLookupFile(
      JSON.stringify({
        regions: [
          { id: "eu", cidrs: ["203.0.113.0/24"], idcs: [{ id: "fra", weight: 1 }] },
          { id: "us", cidrs: ["198.51.100.0/24"], idcs: [{ id: "nyc", weight: 1 }] },
        ],
        default: "us",
        trustedProxies: ["203.0.113.0/24"],
      }),
      "lookup.json",
    );
    const node = await TestNode.start({ trustedProxies, lookup });
    const gateway = { appid: "wgateway", hostname: "g1", metadata: JSON.stringify({ domain: "wss://g1.example" }) };
    expect((await node.register(gateway)).code).toBe(0);
    const locationOf = async (init: RequestInit): Promise<string> =>
      (await fetch(`${node.url}/api/lookup/token`, init).then((response) => response.text())).replace(
        /^.*"location":"([^"]*)".*$/,
        "$1",
      );
    expect(await locationOf(of("198.51.100.7, 203.0.113.9"))).toBe("eu");
    expect(await locationOf(of("203.0.113.9, 198.51.100.7"))).toBe("us");
    expect(await locationOf({})).toBe("us");
  });
});

test("without the option the header counts for nothing", async () => {
  const limits = testLimits({ pollsPerAddress: 1 });
  const node = await TestNode.start({ limits });
  const abort = new AbortController();
  const waiting = [1, 2].map(() => poll(node, { ...of("203.0.113.9"), signal: abort.signal }).catch(() => undefined));
  await node.untilPolls(2);
  abort.abort();
  await Promise.all(waiting);
});
