// A process that is started twice by mistake: the second one ends with a sentence, and the first one's clients notice
// nothing.

import { expect, test } from "bun:test";
import type { LinkIdentity } from "../../src/auth/link-proof.ts";
import { signToken } from "../../src/auth/token.ts";
import { IdTaken } from "../../src/node/membership.ts";
import { Router } from "../../src/service/router.ts";
import type { NodeEnvironment } from "../../src/node/environment.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import type { GatewayRole } from "../../src/roles/gateway/gateway-role.ts";
import { MemorySessions } from "../../src/session/memory-sessions.ts";
import { closeNormal } from "../../src/wire/close-reason.ts";
import { Command } from "../../src/wire/commands.ts";
import { Status } from "../../src/wire/gen/pkt_pb.ts";
import { newIdentity } from "../link/support.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { MemoryCluster } from "../support/memory-cluster.ts";
import { until } from "../../scripts/harness/until.ts";
import { WireClient } from "../support/wire-client.ts";
import { endings } from "../support/endings.ts";
import { quietService } from "../support/quiet-service.ts";

const key = new TextEncoder().encode("the key of a test of ids");
const closing = endings();

/** Processes whose places in memory differ, whatever their ids are. */
class Processes {
  readonly cluster = new MemoryCluster();
  readonly metrics = new Metrics();

  constructor() {
    closing.push(() => this.cluster.stop());
  }

  /** A second process, at a place "…-again", waits for the first one's answer however long the machine stands still. */
  around(place: string, identity: LinkIdentity): NodeEnvironment {
    const around = { ...this.cluster.around(place, identity.service), identity };
    return place.endsWith("-again") ? { ...around, timers: new ManualTimers() } : around;
  }

  gateway(around: NodeEnvironment): GatewayRole {
    const gateway = this.cluster.gateway(around, this.metrics.forService(around.identity.incarnation, "gateway"), key);
    closing.push(() => gateway.drain(0, 0));
    return gateway;
  }

  async chat(place: string, identity: LinkIdentity): Promise<void> {
    const router = new Router([() => (context) => context.respondEmpty()]);
    const metrics = this.metrics.forService(place, "chat");
    await this.cluster.startNode(this.around(place, identity), quietService({ router }), metrics);
  }

  async login(): Promise<void> {
    const metrics = this.metrics.forService("login", "login");
    const service = this.cluster.login(new MemorySessions(), metrics);
    await this.cluster.startNode(this.around("login", newIdentity("login", "login")), service, metrics);
  }

  /** A gateway that runs, and a client of it. */
  async running(): Promise<WireClient> {
    await this.login();
    await this.chat("chat", newIdentity("chat", "chat"));
    const gateway = this.gateway(this.around("gate", newIdentity("gate")));
    const { tcp = "" } = await gateway.start();
    await until(() => gateway.missingServices().length === 0 && gateway.isListed, "the gateway is ready");
    const client = await WireClient.connect(tcp);
    await client.signIn(await signToken(key, { account: "alice", app: "app", ttlSeconds: 60 }));
    return client;
  }
}

/** The first process serves its client as before. */
async function expectServed(client: WireClient): Promise<void> {
  const { status } = await client.requestBytes(Command.UserTalk, "bob", new Uint8Array(0));
  expect(status).toBe(Status.Success);
  expect(client.isClosed).toBe(false);
}

test("a second gateway under a listed id does not start", async () => {
  const processes = new Processes();
  const client = await processes.running();
  const second = processes.gateway(processes.around("gate-again", newIdentity("gate")));
  await expect(second.start()).rejects.toBeInstanceOf(IdTaken);
  await expectServed(client);
  expect(processes.cluster.lost).toEqual([]);
});

test("a process that does not start leaves nothing open", async () => {
  const processes = new Processes();
  await processes.running();
  await expect(processes.gateway(processes.around("gate-again", newIdentity("gate"))).start()).rejects.toThrow("gate");
  await expect(processes.chat("chat-again", newIdentity("chat", "chat"))).rejects.toThrow("chat");
  for (const place of ["gate-again", "chat-again"]) {
    const { network } = processes.around(place, newIdentity("somebody"));
    // Throws when anybody still listens there.
    const { server } = network.listen({ accept: () => closeNormal }, processes.metrics.forService(place, "somebody"));
    await server.close(closeNormal);
  }
});

test("a second logic node under a listed id does not start, and gets none of the first one's requests", async () => {
  const processes = new Processes();
  const client = await processes.running();
  await expect(processes.chat("chat-again", newIdentity("chat", "chat"))).rejects.toBeInstanceOf(IdTaken);
  await expectServed(client);
});
