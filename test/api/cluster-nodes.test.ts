// What Admin/Nodes shows of a registry.

import { expect, test } from "bun:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { nodesIn } from "../../src/api/cluster-nodes.ts";
import { type Listed, RegistryAway } from "../../src/registry/client/naming.ts";
import { discoveryAppid, Status } from "../../src/registry/instance.ts";
import { instanceOf } from "../link/hand-naming.ts";

const listed = (service: string, id: string, state: string, change: Partial<Listed> = {}): Listed => ({
  instance: instanceOf({ id, service, incarnation: "1" }, `${id}:1`, { state }),
  isStale: false,
  isProven: true,
  ...change,
});

async function shown(...all: readonly Listed[]) {
  const nodes = await nodesIn({
    listAll: (service) => Promise.resolve(all.filter(({ instance: { appid } }) => appid === service)),
  });
  return nodes.map(({ id, role, state, ready, draining }) => [role, id, state, ready, draining].join(" "));
}

test("shows whatever the registry knows, with its state", async () => {
  const waiting = listed("login", "login-2", "adult");
  const all = [
    listed("login", "login-1", "adult"),
    { ...waiting, instance: { ...waiting.instance, status: Status.Waiting } },
    listed("chat", "chat-1", "young"),
    listed("chat", "chat-2", "leaving"),
    listed("chat", "chat-3", "adult", { isStale: true }),
    listed("chat", "chat-4", "adult", { isProven: false }),
    listed(discoveryAppid, "10.0.0.5:7171", ""),
  ];
  expect(await shown(...all)).toEqual([
    "login login-1 ready true false",
    "login login-2 waiting false false",
    "chat chat-1 unready false false",
    "chat chat-2 leaving false true",
    "chat chat-3 silent false false",
    "chat chat-4 unproven false false",
    "discovery 10.0.0.5:7171 ready true false",
  ]);
});

test("a gateway with two listeners is one node, and ready only if both are", async () => {
  const both = [listed("wgateway", "one", "adult"), listed("tgateway", "one", "adult")];
  const half = [listed("wgateway", "two", "adult"), listed("tgateway", "two", "adult", { isStale: true })];
  expect(await shown(...both, ...half)).toEqual(["gateway one ready true false", "gateway two silent false false"]);
});

test("a registry that is away is unavailable, not a bug", async () => {
  const asked = nodesIn({ listAll: () => Promise.reject(new RegistryAway("no registry node answers for chat")) });
  const error: unknown = await asked.catch((reason: unknown) => reason);
  expect(error instanceof ConnectError && error.code).toBe(Code.Unavailable);
});
