// A connection that ends while no login service can be reached: its session goes as soon as one can.

import { expect, test } from "bun:test";
import { signToken } from "../../src/auth/token.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import { MemorySessions } from "../../src/session/memory-sessions.ts";
import type { Sessions } from "../../src/session/sessions.ts";
import { MemoryCluster } from "../support/memory-cluster.ts";
import { until } from "../../scripts/harness/until.ts";
import { WireClient } from "../support/wire-client.ts";
import { quietService } from "../support/quiet-service.ts";
import { endings } from "../support/endings.ts";
import { ManualTimers } from "../support/manual-timers.ts";

const key = new TextEncoder().encode("the key of a test of sign-outs");
const closing = endings();

/** Keeps sessions although a gateway's link broke, as an engine does that other login nodes renew. */
function patient(sessions: MemorySessions): Sessions {
  return new Proxy(sessions, {
    get(target, name) {
      if (name === "suspect") return () => Promise.resolve();
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

test("is repeated to another login node when the first one has gone", async () => {
  /** The gateway's. */
  const time = new ManualTimers();
  const cluster = new MemoryCluster();
  closing.push(() => cluster.stop());
  const metrics = new Metrics();
  const sessions = patient(new MemorySessions());
  const startLogin = async (id: string): Promise<void> => {
    const ofLogin = metrics.forService(id, "login");
    const service = cluster.login(sessions, ofLogin);
    await cluster.startNode(cluster.around(id, "login"), service, ofLogin);
  };
  await startLogin("login1");
  const gateway = cluster.gateway(
    { ...cluster.around("gate", "gateway"), clock: time, timers: time },
    metrics.forService("gate", "gateway"),
    key,
  );
  await cluster.node("chat1", "chat", quietService());
  const { tcp = "" } = await time.during(gateway.start());
  closing.push(() => time.during(gateway.drain(0, 0)));
  const client = await WireClient.connect(tcp);
  await client.signIn(await signToken(key, { account: "alice", app: "app", ttlSeconds: 60 }));
  const [[place] = []] = await sessions.locate("app", ["alice"]);
  if (place === undefined) throw new Error("she is signed in");

  await cluster.kill("login1");
  await time.until(() => gateway.missingServices().includes("login"), "the login node is gone");
  client.terminate();
  await until(() => gateway.connections === 0, "the client is gone");
  expect((await sessions.locate("app", ["alice"]))[0]).toHaveLength(1);
  await startLogin("login2");
  const isGone = async (): Promise<boolean> => (await sessions.locate("app", ["alice"]))[0]?.length === 0;
  await time.until(isGone, "the session is gone");
  // What the node that died had sent to the store arrives behind the sign-out.
  await sessions.put("app", "alice", place);
  await time.until(isGone, "the session is gone again");
}, 60_000);
