import { expect, test } from "bun:test";
import { knownSessionsIdentity } from "../../src/node/known-identity.ts";
import { knownToNobody } from "../../src/session/redis/redis-owner.ts";
import { Status, type Instance } from "../../src/registry/instance.ts";

const instance = (hostname: string, sessions?: string): Instance => ({
  appid: "any",
  hostname,
  region: "r",
  zone: "z",
  env: "dev",
  addrs: [],
  version: "1",
  status: Status.Up,
  metadata: new Map(sessions === undefined ? [] : [["sessions", sessions]]),
  regTimestamp: 0n,
  upTimestamp: 0n,
  dirtyTimestamp: 0n,
  latestTimestamp: 0n,
});
const [one, two] = ["1".repeat(32), "2".repeat(32)];

/** What is found out when the registry lists these. */
const found = (logins: readonly Instance[], chats: readonly Instance[]): Promise<string | undefined> =>
  knownSessionsIdentity({ find: async (service) => (service === "login" ? logins : chats) }, "me")();

test("an identity that another login or chat node names is known", async () => {
  expect(await found([instance("l1", one)], [])).toBe(one);
  expect(await found([instance("l1")], [instance("c1", one)])).toBe(one);
});

test("where they name different ones, the one that most of them name is known", async () => {
  expect(await found([instance("l1", one), instance("l2", two)], [instance("c1", two)])).toBe(two);
});

test("nobody knows one if only this process is listed, or nodes that name none", async () => {
  expect(await found([], [])).toBe(knownToNobody);
  expect(await found([instance("me", one)], [instance("old"), instance("new", "")])).toBe(knownToNobody);
});

test("nothing is found out if no registry node answers for one of the services", async () => {
  const find = async (service: string): Promise<readonly Instance[]> => {
    if (service === "chat") throw new Error("no registry node answers");
    return [instance("l1", one)];
  };
  expect(await knownSessionsIdentity({ find }, "me")()).toBeUndefined();
});
