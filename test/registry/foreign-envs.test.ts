// Which nodes of another env a node warns of.

import { afterEach, describe, expect, test } from "bun:test";
import { type Log, type LogFields, silentLog } from "../../src/base/log.ts";
import { Entry } from "../../src/registry/table/entry.ts";
import { ForeignEnvs, ownMetadata } from "../../src/registry/replication/foreign-envs.ts";
import { discoveryAppid, type Instance, noMetadata } from "../../src/registry/instance.ts";
import { FakeOriginalNode } from "./http/fake-original-node.ts";
import { endAll, endLater, eventually, TestNode } from "./http/support.ts";
import { beginNs, cancelled, living } from "./support.ts";

afterEach(endAll);

/** A log that keeps the fields of its warnings about envs. */
function keepingLog(): { readonly log: Log; readonly warnings: (LogFields | undefined)[] } {
  const warnings: (LogFields | undefined)[] = [];
  const warn = (sentence: string, fields?: LogFields): void => {
    if (sentence.includes("start this node with the same --env")) warnings.push(fields);
  };
  return { log: { ...silentLog, warn }, warnings };
}

const nodeOf = (env: string, metadata = noMetadata, hostname = "10.0.0.9:7171"): Entry => {
  const change: Partial<Instance> = { env, appid: discoveryAppid, hostname, metadata };
  return new Entry(living(beginNs, change), 0);
};

describe("a node", () => {
  test("warns of an original node of another env, once for each", () => {
    const { log, warnings } = keepingLog();
    const envs = new ForeignEnvs("prod", log);
    envs.look([nodeOf("dev"), nodeOf("dev", noMetadata, "10.0.0.8:7171"), nodeOf("prod")]);
    envs.look([nodeOf("dev"), nodeOf("uat")]);
    expect(warnings).toEqual([
      { address: "10.0.0.9:7171", env: "dev", ownEnv: "prod" },
      { address: "10.0.0.9:7171", env: "uat", ownEnv: "prod" },
    ]);
  });

  test("warns of none of its own kind, in whatever env, and of none that has gone", () => {
    const { log, warnings } = keepingLog();
    const gone = new Entry(cancelled(beginNs, { env: "dev", appid: discoveryAppid }), 0);
    new ForeignEnvs("prod", log).look([nodeOf("dev", ownMetadata), gone]);
    expect(warnings).toEqual([]);
  });

  test("warns of sixteen envs at most, whatever is registered", () => {
    const { log, warnings } = keepingLog();
    const envs = new ForeignEnvs("prod", log);
    for (let at = 0; at < 100; at++) envs.look([nodeOf(`env${at}`)]);
    expect(warnings).toHaveLength(16);
  });

  test("says so at its start beside an original node, and says nothing in that node's env", async () => {
    const original = new FakeOriginalNode();
    endLater(() => original.stop());
    const now = BigInt(Date.now()) * 1_000_000n;
    original.put({
      region: "r",
      zone: "z1",
      env: "dev",
      appid: discoveryAppid,
      hostname: "go-node",
      version: "",
      ...{
        addrs: [`http://${original.address}`],
        metadata: null,
        status: 1,
        dirty_timestamp: now,
        renew_timestamp: now,
      },
      reg_timestamp: now,
      up_timestamp: now,
      latest_timestamp: now,
    });
    const [other, same] = [keepingLog(), keepingLog()];
    await TestNode.start({ peers: [original.address], env: "prod", log: other.log });
    await eventually("the warning", () => other.warnings.length > 0);
    expect(other.warnings).toEqual([{ address: "go-node", env: "dev", ownEnv: "prod" }]);
    const node = await TestNode.start({ peers: [original.address], env: "dev", log: same.log });
    await eventually("the original node to be listed", async () =>
      (await node.hostnames({ env: "dev", appid: discoveryAppid })).includes("go-node"),
    );
    expect(same.warnings).toEqual([]);
  });
});
