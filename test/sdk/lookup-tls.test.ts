// A registry behind TLS of a private authority: the option `ca` verifies it as it verifies the gateways.

import { afterEach, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { Disconnected } from "../../src/sdk/client-errors.ts";
import { getText } from "../../src/sdk/get-text.ts";
import { TestAuthority } from "../support/certificates.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { connected, connecting } from "./several-servers.ts";
import { afterwards, endAll, peerOn } from "./support.ts";

const folder = temporaryFolder("roost-lookup-tls-");
const authority = new TestAuthority(folder);
const ca = readFileSync(authority.root, "utf8");
const otherCa = readFileSync(new TestAuthority(folder).root, "utf8");

afterEach(endAll);

/** An https server that names `gateway`; the URL. */
function registry(gateway: string, leaf = authority.leaf()): string {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: { cert: readFileSync(leaf.certificate, "utf8"), key: readFileSync(leaf.key, "utf8") },
    fetch: () => Response.json({ domains: [gateway] }),
  });
  afterwards(() => server.stop(true));
  return `https://127.0.0.1:${server.port}`;
}

test("a lookup is verified by ca", async () => {
  const peer = peerOn("ws");
  const { client } = await connected({ lookup: registry(peer.url), ca });
  expect(client.isOnline).toBe(true);
});

test.each([
  ["without ca", undefined, {}],
  ["with another authority's", otherCa, {}],
  ["with another name", ca, { names: "DNS:other.example" }],
  ["that has expired", ca, { from: "20200101000000Z", to: "20210101000000Z" }],
])("a registry %s names no gateway, with the reason", async (_, given, leaf) => {
  const lookup = registry(peerOn("ws").url, authority.leaf(leaf));
  const ended = await connecting({ lookup, ...(given === undefined ? {} : { ca: given }) }).client.catch(
    (error: unknown) => error,
  );
  expect(ended).toBeInstanceOf(Disconnected);
  expect(String(ended)).toContain(`${lookup} names no gateway: `);
  expect(String(ended)).toMatch(/certificate/i);
});

test("ca takes nothing from a registry without TLS, and none but it counts", async () => {
  const plain = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("here") });
  afterwards(() => plain.stop(true));
  const signal = AbortSignal.timeout(10_000);
  expect(await getText(`http://127.0.0.1:${plain.port}/`, signal, ca)).toBe("here");
  const secure = registry("ws://127.0.0.1:1");
  expect(await getText(secure, signal, ca)).toContain("domains");
  // Connections that are kept must not lend what they have verified.
  for (const given of [undefined, otherCa]) await expect(getText(secure, signal, given)).rejects.toThrow();
  expect(await getText(secure, signal, ca)).toContain("domains");
});

test("a lookup over TLS is not redirected: not to plain text, where anybody could answer, nor elsewhere", async () => {
  const plain = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => Response.json({ domains: ["ws://forged"] }) });
  const { certificate, key } = authority.leaf();
  const secure = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: { cert: readFileSync(certificate, "utf8"), key: readFileSync(key, "utf8") },
    fetch: () => Response.redirect(plain.url.href),
  });
  for (const server of [plain, secure]) afterwards(() => server.stop(true));
  const asked = getText(`https://127.0.0.1:${secure.port}/`, AbortSignal.timeout(10_000), ca);
  await expect(asked).rejects.toThrow("it redirects, which is not followed over TLS");
});

test("of an answer over TLS with gateways of both kinds, those without TLS are left out", async () => {
  const [plain, forged] = [peerOn("ws"), "wss://127.0.0.1:1/"];
  const { certificate, key } = authority.leaf();
  const answer = { domains: [plain.url, forged] };
  const secure = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: { cert: readFileSync(certificate, "utf8"), key: readFileSync(key, "utf8") },
    fetch: () => Response.json(answer),
  });
  afterwards(() => secure.stop(true));
  const { client } = connecting({ lookup: `https://127.0.0.1:${secure.port}`, ca });
  expect(String(await client.catch((error: unknown) => error))).toContain("127.0.0.1:1");
  answer.domains = [plain.url];
  expect((await connected({ lookup: `https://127.0.0.1:${secure.port}`, ca })).client.isOnline).toBe(true);
});

test("a registry that speaks no TLS is said to", async () => {
  const plain = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("here") });
  afterwards(() => plain.stop(true));
  const asked = getText(`https://127.0.0.1:${plain.port}/`, AbortSignal.timeout(10_000), ca);
  await expect(asked).rejects.toThrow("speak TLS");
});
