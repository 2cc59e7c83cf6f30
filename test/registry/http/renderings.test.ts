// Services as bytes: one rendering for all who read a version, none that holds up the event loop, and nothing that
// stays.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { zonePieces } from "../../../src/registry/http/answers.ts";
import { AnswerTooLong, type Rendered, Renderings } from "../../../src/registry/http/renderings.ts";
import type { App } from "../../../src/registry/table/apps.ts";
import type { RegistryNode } from "../../../src/registry/node/registry-node.ts";
import { localCaller, registration } from "../support.ts";
import { endAll, serveRegistry } from "./support.ts";

const megabyte = 1024 * 1024;
let node: RegistryNode;
let renderings: Renderings;
beforeEach(() => {
  ({ node } = serveRegistry());
  renderings = renderingsOf(64 * megabyte);
});
afterEach(async () => {
  renderings.close();
  await endAll();
});

const renderingsOf = (bytesMax: number): Renderings =>
  new Renderings({ bytesMax, stamp: () => node.table.version + node.table.renewals });

/** Registers instances of about 10 KB each. */
function fill(count: number, appid = "chat"): App {
  const metadata = new Map([["a", "x".repeat(10_000)]]);
  for (let index = 0; index < count; index++)
    node.registrar.register(registration({ appid, hostname: `h${index}`, metadata }), localCaller);
  const app = node.table.app("prod", appid);
  if (app === undefined) throw new Error("it is registered");
  return app;
}

const textOf = (parts: readonly Uint8Array[]): string => Buffer.concat(parts).toString();

function whole(pieces: Iterable<string>): string {
  let text = "";
  for (const piece of pieces) text += piece;
  return text;
}

function instancesIn({ parts }: Rendered): number {
  return textOf(parts).split('"hostname":').length - 1;
}

test("a service that many read is rendered once a version, and all get the same bytes", async () => {
  for (const count of [1, 30]) {
    const app = fill(count);
    const first = await renderings.of(app, "prod", "", 1);
    expect(textOf(first.parts)).toBe(whole(zonePieces(app, undefined, "", 1)));
    expect(instancesIn(first)).toBe(count);
    expect(await renderings.of(app, "prod", "", 1)).toBe(first);
    node.registrar.register(registration({ hostname: "another" }), localCaller);
    const second = await renderings.of(app, "prod", "", 1);
    expect(second).not.toBe(first);
    expect(instancesIn(second)).toBe(count + 1);
    node.registrar.cancel(identity("another"), 0n, "client");
  }
});

const identity = (hostname: string) => ({ env: "prod", zone: "z1", appid: "chat", hostname });

test("a short text shows every renewal; a long one those of a second ago", async () => {
  const short = fill(1);
  const before = await renderings.of(short, "prod", "", 1);
  node.registrar.renew(identity("h0"), 0n, "client");
  expect(await renderings.of(short, "prod", "", 1)).not.toBe(before);
  const long = fill(30, "long");
  const shared = await renderings.of(long, "prod", "", 1);
  node.registrar.renew({ ...identity("h0"), appid: "long" }, 0n, "client");
  expect(await renderings.of(long, "prod", "", 1)).toBe(shared);
});

test("long answers are rendered over several turns, in which others are served, once for several readers", async () => {
  const app = fill(1_000);
  let turns = 0;
  let isDone = false;
  const count = (): void => {
    turns++;
    if (!isDone) setImmediate(count);
  };
  setImmediate(count);
  const readers = [1, 2, 3].map(() => Promise.resolve(renderings.of(app, "prod", "", 1)));
  const all = await Promise.all(readers);
  isDone = true;
  expect(new Set(all).size).toBe(1);
  expect(all[0]?.bytes).toBeGreaterThan(10_000_000);
  expect(turns).toBeGreaterThan(10);
});

test("many services are rendered in turn, and each is whole", async () => {
  const apps = Array.from({ length: 20 }, (_, index) => fill(20, `service-${index}`));
  const rendered = await Promise.all(apps.map((app) => renderings.of(app, "prod", "", 3)));
  for (const [index, { parts }] of rendered.entries()) {
    const json: unknown = JSON.parse(textOf(parts));
    expect(json).toHaveProperty("instances.z1.length", 20);
    expect(json).toHaveProperty("instances.z1.0.appid", `service-${index}`);
  }
});

test("a change during rendering leaves the answer whole, and later readers see the change", async () => {
  const app = fill(1_000);
  const first = Promise.resolve(renderings.of(app, "prod", "", 1));
  await Bun.sleep(0);
  node.registrar.register(registration({ hostname: "late" }), localCaller);
  node.registrar.cancel(identity("h999"), 0n, "client");
  const second = Promise.resolve(renderings.of(app, "prod", "", 1));
  const [before, after] = [textOf((await first).parts), textOf((await second).parts)];
  for (const text of [before, after]) expect(JSON.parse(text)).toHaveProperty("instances.z1");
  expect([after.includes('"hostname":"late"'), after.includes('"hostname":"h999"')]).toEqual([true, false]);
});

test("a service that is too long is refused, at once and after turns, and not retried for each reader", async () => {
  const small = renderingsOf(50_000);
  expect(() => small.of(fill(10, "ten"), "prod", "", 1)).toThrow(AnswerTooLong);
  const middle = renderingsOf(5 * megabyte);
  const app = fill(1_000);
  await expect(Promise.resolve(middle.of(app, "prod", "", 1))).rejects.toBeInstanceOf(AnswerTooLong);
  expect(() => middle.of(app, "prod", "", 1)).toThrow(AnswerTooLong);
  small.close();
  middle.close();
});

test("zones and masks are shown by themselves; an env is that of the reader for the registry's own nodes", async () => {
  const app = fill(2);
  node.registrar.register(registration({ zone: "z2", hostname: "other", status: 2 }), localCaller);
  const shown = async (zone: string, mask: number): Promise<unknown> =>
    JSON.parse(textOf((await renderings.of(app, "prod", zone, mask)).parts));
  expect(await shown("z2", 2)).toHaveProperty("instances.z2.length", 1);
  expect(await shown("z2", 1)).toHaveProperty("instances", { z2: [] });
  expect(await shown("", 4)).toHaveProperty("instances", { z1: [], z2: [] });
  const own = node.table.app("", "infra.discovery");
  if (own === undefined) throw new Error("it lists itself");
  for (const env of ["dev", "uat"])
    expect(JSON.parse(textOf((await renderings.of(own, env, "", 1)).parts))).toHaveProperty("instances.z1.0.env", env);
});
