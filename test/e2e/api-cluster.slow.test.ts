// The API of chat nodes of a cluster of processes: keys, revocations, bans and announcements are in force on all nodes.

import { afterEach, expect, test } from "bun:test";
import { freePorts } from "../../scripts/harness/free-ports.ts";
import { hasPostgres, PostgresServer } from "../../scripts/harness/postgres.ts";
import { run } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";
import { CloseCode } from "../../src/wire/close-reason.ts";
import { Command } from "../../src/wire/commands.ts";
import { Feature } from "../../src/wire/features.ts";
import { LoginReqSchema, SignalSchema } from "../../src/wire/gen/pkt_pb.ts";
import { ClusterStage } from "../support/cluster-stage.ts";

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

async function start(store?: string) {
  const ports = await freePorts(2);
  const slips = Object.fromEntries(ports.map((port, at) => [`chat-${at + 1}`, { "--api": `127.0.0.1:${port}` }]));
  const size = { gateways: 2, chats: 2 };
  const stage = await ClusterStage.start(size, { slips, ...(store === undefined ? {} : { store }) });
  endings.push(() => stage.close());
  const roost = async (...words: string[]): Promise<string> => {
    const where = ["--discovery", stage.cluster.registry.join(","), "--cluster-key-file", stage.path("cluster-key")];
    const { status, out, err } = await run([...words, ...where], stage.folder);
    return status === 0 ? out.trim() : `${status} ${err}`;
  };
  /** Calls a method of a node's API; resolves with the status and the answer. */
  const call = async (node: number, key: string, method: string, body: object) => {
    const response = await fetch(`http://127.0.0.1:${ports[node]}/roost.v1.${method}`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const answer: unknown = await response.json();
    return { status: response.status, answer: Object(answer) };
  };
  return { stage, roost, call };
}

async function everywhere(store?: string): Promise<void> {
  const { stage, roost, call } = await start(store);
  const key = await roost("key", "create", "--app", "app", "--scope", "accounts:*,messages:write", "--name", "test");
  expect(key).toMatch(/^rk_[0-9A-Za-z]{43}$/);
  const ops = await roost("key", "create", "--app", "*", "--scope", "*", "--name", "ops");
  for (const node of [0, 1])
    expect(await call(node, key, "Messages/Send", { to: "bob", body: "hi" })).toMatchObject({ status: 200 });
  const { answer } = await call(0, ops, "Admin/Nodes", { app: "app" });
  const shownNodes = Array.from(answer.nodes, (node) => Object(node)).map(({ role, id, state }) => {
    return role === "discovery" ? `${role} ${state}` : `${id} ${state}`;
  });
  const members = ["chat-1", "chat-2", "gateway-1", "gateway-2", "login-1"];
  expect(shownNodes.toSorted()).toEqual([...members, "discovery"].map((name) => `${name} ready`).toSorted());

  const clients = await Promise.all(
    [0, 1].map(async (gateway) => {
      const client = await stage.stranger(gateway);
      const token = await stage.cluster.token("ann");
      const features = [Feature.Conversations];
      await client.request(Command.SignIn, "", LoginReqSchema, { token, device: `d${gateway}`, features });
      return client;
    }),
  );
  const { answer: found } = await call(1, key, "Accounts/Sessions", { account: "ann" });
  const sessions = Array.from(found.sessions, (session) => Object(session));
  const shown = sessions.map(({ gateway, address, since }) => `${gateway} ${address} ${Number(since) > 1e9}`);
  expect(shown.toSorted()).toEqual(["gateway-1 127.0.0.1 true", "gateway-2 127.0.0.1 true"]);
  expect((await call(0, key, "Accounts/Announce", { kind: "notice", body: "hi" })).answer).toEqual({ gateways: 2 });
  for (const client of clients)
    expect(await client.pushed(Command.Signal, SignalSchema)).toMatchObject([{ body: "hi" }]);
  expect((await call(0, key, "Accounts/Ban", { account: "ann" })).status).toBe(200);
  for (const client of clients)
    expect(await client.ending()).toEqual({ code: CloseCode.Unauthorised, text: "the account is banned" });
  await expect(stage.wire("ann", 1)).rejects.toThrow("the account is banned for good");
  expect((await call(1, key, "Accounts/Unban", { account: "ann" })).answer).toEqual({ wasBanned: true });
  // This node has no secret of tokens.
  expect(await call(0, key, "Accounts/IssueToken", { account: "ann" })).toMatchObject({
    answer: { code: "failed_precondition" },
  });

  const { answer: listed } = await call(0, ops, "Admin/ListKeys", { app: "app" });
  const id = String(Object(Array.from(listed.keys)[0]).id);
  expect((await call(0, ops, "Admin/RevokeKey", { id, app: "app" })).status).toBe(200);
  expect((await call(0, key, "Messages/Send", { to: "bob", body: "hi" })).status).toBe(401);
  await until(
    async () => (await call(1, key, "Messages/Send", { to: "bob", body: "hi" })).status === 401,
    "it is refused",
  );
  expect((await call(1, ops, "Admin/Drain", { app: "app" })).answer).toEqual({ node: "chat-2" });
  await until(async () => (await roost("limits", "--node", "chat-2")).startsWith("1 "), "it has left");
}

test("on SQLite", () => everywhere(), 180_000);

test.skipIf(!hasPostgres)(
  "on PostgreSQL",
  async () => {
    const server = await PostgresServer.start();
    endings.push(() => server.stop());
    await everywhere(await server.makeDatabase());
  },
  180_000,
);
