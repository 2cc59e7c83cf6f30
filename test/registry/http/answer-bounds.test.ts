// The limits of the registry's answers, polls and watches, each at its value and one above. Addresses are those of
// loopback, each of which counts as one here.

import { afterEach, expect } from "bun:test";
import { bound } from "../../support/bounds.ts";
import type { RawTcp } from "../../support/raw-tcp.ts";
import { encode, endAll, eventually } from "./support.ts";
import { type Given, serve, names } from "./bounds-support.ts";

afterEach(endAll);
const kib = 1024;
const mib = 1024 * kib;

const head = (line: string, ...fields: string[]): string =>
  `${line} HTTP/1.1\r\n${["host: localhost", ...fields].join("\r\n")}\r\n\r\n`;

const pollHead = (...appids: string[]): string =>
  head(
    `GET /discovery/polls?env=prod&hostname=h&${encode({ appid: appids, latest_timestamp: appids.map(() => "0") })}`,
  );

/** Metadata of about 16 KiB. */
const large = JSON.stringify({ a: "x".repeat(8_000), b: "y".repeat(8_000) });

/** Registers instances of about 16 KiB each. */
async function fill({ register }: ReturnType<typeof serve>, appid: string, count: number): Promise<void> {
  for (let index = 0; index < count; index++)
    expect((await register({ appid, hostname: `h${index}`, metadata: large })).code).toBe(0);
}

/** A service of some instances, and the length of it as JSON. */
async function serviceOf(given: Given, instances: number) {
  const registry = serve(given);
  await fill(registry, "chat", instances);
  return registry;
}

const fetchChat = { env: "prod", appid: "chat", status: "1" };

bound("registryAnswerBytes", {
  at: async () => {
    const { get, reached } = await serviceOf({ registryAnswerBytes: 2 * mib }, 100);
    expect((await get("fetch", fetchChat)).code).toBe(0);
    expect((await get("fetchs", fetchChat)).code).toBe(0);
    expect(reached("registryAnswerBytes")).toBe(0);
  },
  above: async () => {
    const { get, reached } = await serviceOf({ registryAnswerBytes: mib }, 100);
    expect((await get("fetch", fetchChat)).code).toBe(-509);
    expect((await get("fetchs", fetchChat)).code).toBe(-509);
    expect(reached("registryAnswerBytes")).toBe(2);
    expect((await get("fetch", { ...fetchChat, appid: "none" })).code).toBe(-404);
  },
});

/** A service of 16 MB, of which nobody who does not read gets more than its sockets hold, and one who does not read. */
async function unreadService(given: Given) {
  const registry = await serviceOf(given, 1_000);
  const ask = (source: string): RawTcp => registry.send(head(`GET /discovery/fetch?${encode(fetchChat)}`), source);
  ask("127.1.1.1");
  await eventually("one waits to be read", () => (registry.limits.use("registryUnreadBytes") ?? 0) > 0);
  return { ...registry, ask };
}

bound("registryUnreadBytes", {
  at: async () => {
    const { get, reached } = await unreadService({ registryUnreadBytes: 17 * mib });
    // They share one rendering, which counts once.
    expect((await get("fetch", fetchChat)).code).toBe(0);
    expect(reached("registryUnreadBytes")).toBe(0);
  },
  above: async () => {
    const { get, register, reached } = await unreadService({ registryUnreadBytes: 17 * mib });
    await register({ hostname: "another" });
    expect((await get("fetch", fetchChat)).code).toBe(-509);
    expect(reached("registryUnreadBytes")).toBe(1);
    expect((await get("fetch", { ...fetchChat, appid: "none" })).code).toBe(-404);
  },
});

bound("registryUnreadBytesPerAddress", {
  at: async () => {
    const { register, get, reached } = await unreadService({ registryUnreadBytesPerAddress: 17 * mib });
    await register({ hostname: "another" });
    expect((await get("fetch", fetchChat)).code).toBe(0);
    expect(reached("registryUnreadBytesPerAddress")).toBe(0);
  },
  above: async () => {
    const { register, ask, reached } = await unreadService({ registryUnreadBytesPerAddress: 17 * mib });
    await register({ hostname: "another" });
    ask("127.1.1.1");
    await eventually("it is turned away", () => reached("registryUnreadBytesPerAddress") === 1);
  },
});

/** Readers of fetch/all who do not read: each at an address of its own, or all at one. */
async function listingsOf(given: Given, sources: readonly string[]) {
  const registry = await serviceOf(given, 1_000);
  for (const source of sources) registry.send(head("GET /discovery/fetch/all"), source);
  await Bun.sleep(50);
  return registry;
}

bound("listings", {
  at: async () => {
    const { get, reached } = await listingsOf({ listings: 2 }, ["127.1.1.1"]);
    expect((await get("fetch/all")).code).toBe(0);
    expect(reached("listings")).toBe(0);
  },
  above: async () => {
    const { get, reached, limits } = await listingsOf({ listings: 2 }, ["127.1.1.1", "127.1.1.2"]);
    expect([(await get("fetch/all")).code, limits.use("listings")]).toEqual([-509, 2]);
    expect(reached("listings")).toBe(1);
    // A reader that goes away makes room.
    await endAll();
    await eventually("nobody lists", () => limits.use("listings") === 0);
  },
});

bound("listingsPerAddress", {
  at: async () => {
    const { get, reached } = await listingsOf({ listingsPerAddress: 1 }, ["127.1.1.1"]);
    expect((await get("fetch/all")).code).toBe(0);
    expect((await get("fetch/all")).code).toBe(0);
    expect(reached("listingsPerAddress")).toBe(0);
  },
  above: async () => {
    const { reached } = await listingsOf({ listingsPerAddress: 1 }, ["127.1.1.1", "127.1.1.1"]);
    await eventually("one is turned away", () => reached("listingsPerAddress") === 1);
  },
});

/** Polls that wait, each for a service. */
async function pollsOf(given: Given, sources: readonly string[], waiting: number) {
  const registry = serve(given);
  for (const [index, source] of sources.entries()) registry.send(pollHead(`service-${index}`), source);
  await eventually(`${waiting} wait`, () => registry.http.pollsWaiting === waiting);
  return registry;
}

bound("polls", {
  at: async () => {
    const { reached } = await pollsOf({ polls: 2 }, ["127.1.1.1", "127.1.1.2"], 2);
    expect(reached("polls")).toBe(0);
  },
  above: async () => {
    const { get, reached } = await pollsOf({ polls: 2 }, ["127.1.1.1", "127.1.1.2"], 2);
    expect((await get("polls", { env: "prod", hostname: "h", appid: "x", latest_timestamp: "0" })).code).toBe(-509);
    expect(reached("polls")).toBe(1);
  },
});

bound("pollsPerAddress", {
  at: async () => {
    const { reached } = await pollsOf({ pollsPerAddress: 2 }, ["127.1.1.1", "127.1.1.1", "127.1.1.2"], 3);
    expect(reached("pollsPerAddress")).toBe(0);
  },
  above: async () => {
    const { reached } = await pollsOf({ pollsPerAddress: 2 }, ["127.1.1.1", "127.1.1.1", "127.1.1.1"], 2);
    await eventually("one is turned away", () => reached("pollsPerAddress") === 1);
  },
});

/** Polls for this many services each, all at one address or each at its own. */
async function watchesOf(given: Given, counts: readonly number[], source: (index: number) => string, waiting: number) {
  const registry = serve(given);
  for (const [index, count] of counts.entries()) registry.send(pollHead(...names(count, `s${index}-`)), source(index));
  await eventually(`${waiting} wait`, () => registry.http.pollsWaiting === waiting);
  return registry;
}

bound("watches", {
  at: async () => {
    const { reached, limits } = await watchesOf({ watches: 10 }, [4, 6], (index) => `127.1.1.${index}`, 2);
    expect([reached("watches"), limits.use("watches")]).toEqual([0, 10]);
  },
  above: async () => {
    const { reached, send, http } = await watchesOf({ watches: 10 }, [4, 7], (index) => `127.1.1.${index}`, 1);
    await eventually("one is turned away", () => reached("watches") === 1);
    // A long name counts more.
    send(pollHead("x".repeat(7 * 128)));
    await eventually("another one is", () => reached("watches") === 2);
    send(pollHead("x".repeat(5 * 128)));
    await eventually("one waits", () => http.pollsWaiting === 2);
  },
});

bound("watchesPerAddress", {
  at: async () => {
    const { reached, limits } = await watchesOf({ watchesPerAddress: 10 }, [4, 6], () => "127.1.1.1", 2);
    expect([reached("watchesPerAddress"), limits.use("watchesPerAddress")]).toEqual([0, 10]);
  },
  above: async () => {
    const { reached, send, http } = await watchesOf({ watchesPerAddress: 10 }, [4, 7], () => "127.1.1.1", 1);
    await eventually("one is turned away", () => reached("watchesPerAddress") === 1);
    send(pollHead(...names(7)), "127.1.1.2");
    await eventually("another address's waits", () => http.pollsWaiting === 2);
  },
});
