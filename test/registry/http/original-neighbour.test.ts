// A registry node exchanges instances with an original node beside it.

import { testLimits } from "../../support/limits.ts";
import { afterEach, describe, expect, test } from "bun:test";
import { silentLog } from "../../../src/base/log.ts";
import { seededRandom } from "../../../src/base/random.ts";
import { nodeSender } from "../../../src/registry/client/node-request.ts";
import { OriginalPeers } from "../../../src/registry/http/original-peer.ts";
import { Status } from "../../../src/registry/instance.ts";
import { Code } from "../../../src/registry/codes.ts";
import { RegistryNode } from "../../../src/registry/node/registry-node.ts";
import { TokenChoice } from "../../../src/registry/client/token-choice.ts";
import { VirtualTime } from "../../sim/virtual-time.ts";
import { until } from "../../../scripts/harness/until.ts";
import { testSeed } from "../../support/random.ts";
import type { FakeOriginalNode } from "./fake-original-node.ts";
import { ends, originalNode, version, original, identity } from "./original-peer-support.ts";

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

describe("a registry node beside an original one", () => {
  const seed = testSeed("original-peer");

  /**
   * A node whose only peer is an original one; `run` lets this many milliseconds pass, and their requests be answered.
   */
  async function beside(
    node: FakeOriginalNode,
  ): Promise<{ registry: RegistryNode; run: (ms: number) => Promise<void>; names: () => string[] }> {
    const time = new VirtualTime();
    const clock = time.clock(0);
    node.nowMs = () => clock.wallMs();
    const peers = new OriginalPeers({
      clock,
      tokens: new TokenChoice(() => []),
      requestMsMax: 5_000,
      lagMsMax: 0,
      send: nodeSender(),
    });
    let underWay = 0;
    async function answered<Reply>(reply: Promise<Reply>, done: (reply: Reply) => void): Promise<void> {
      underWay++;
      const said = await reply;
      underWay--;
      done(said);
    }
    const registry = new RegistryNode({
      settings: {
        env: "prod",
        zone: "z1",
        region: "r",
        address: "127.0.0.1:1",
        seeds: [node.address],
        version: "1",
        hasKey: true,
      },
      limits: testLimits(),
      clock,
      timers: time.timersOf(() => true),
      random: seededRandom(seed),
      network: {
        replicate: (address, message, done) => void answered(peers.replicate(address, message), done),
        compare: (address, message, done) => void answered(peers.compare(address, message), done),
      },
      log: silentLog,
    });
    ends.push(async () => registry.stop());
    const run = async (ms: number): Promise<void> => {
      for (let leftMs = ms; leftMs > 0; leftMs -= 100) {
        time.advance(Math.min(leftMs, 100));
        await until(() => underWay === 0, "all answers");
      }
    };
    const names = (): string[] =>
      registry
        .instances("prod", "chat", Status.Any)
        .map(({ hostname }) => hostname)
        .toSorted();
    return { registry, run, names };
  }

  const nowNs = (node: FakeOriginalNode): bigint => BigInt(node.nowMs()) * 1_000_000n;

  test("starts with what the original node lists", async () => {
    const node = originalNode();
    const { registry, run, names } = await beside(node);
    node.isProtected = true;
    node.put(original("a", { renew_timestamp: nowNs(node) - 20_000_000_000n }));
    node.put(original("b", { renew_timestamp: nowNs(node) - 7_200_000_000_000n }));
    registry.start();
    await run(1_000);
    expect(registry.isReadable).toBe(false);
    node.isProtected = false;
    await run(500);
    expect(registry.isReadable).toBe(true);
    expect(names()).toEqual(["a"]);
    expect(registry.table.get(identity("a"))?.dirty).toBe(version);
    expect(node.get("127.0.0.1:1")).toMatchObject({ appid: "infra.discovery", addrs: ["http://127.0.0.1:1"] });
  });

  test("brings nothing back there that was dropped, and repairs it at the next renewal", async () => {
    const node = originalNode();
    const { registry, run, names } = await beside(node);
    node.put(original("a", { renew_timestamp: nowNs(node) }));
    registry.start();
    await run(500);
    const caller = { address: "", origin: "client", isTrusted: false } as const;
    const b = { ...original("b"), addrs: ["tcp://b:1"], metadata: new Map(), status: Status.Up } as const;
    registry.registrar.register({ ...b, dirtyTimestamp: 0n, regTimestamp: 0n }, caller);
    await run(500);
    expect(node.instances.map(({ hostname }) => hostname).toSorted()).toEqual(["127.0.0.1:1", "a", "b"]);
    node.evict("a");
    node.evict("b");
    await run(40_000);
    expect(node.called("fetch/all").length).toBe(2);
    expect(names()).toEqual(["a", "b"]);
    expect(node.instances.map(({ hostname }) => hostname)).toEqual(["127.0.0.1:1"]);
    expect(registry.registrar.renew(identity("b"), 0n, "client").code).toBe(Code.Ok);
    await run(2_000);
    expect(node.get("b")?.dirty_timestamp).toBe(registry.table.get(identity("b"))?.dirty ?? 0n);
    expect(node.get("a")).toBeUndefined();
    await run(50_000);
    expect(names()).toEqual(["b"]);
  });

  test("cancels there, and learns what the original node alone had received", async () => {
    const node = originalNode();
    const { registry, run, names } = await beside(node);
    node.put(original("a", { renew_timestamp: nowNs(node) }));
    registry.start();
    await run(500);
    registry.registrar.cancel(identity("a"), 0n, "client");
    await run(500);
    expect(node.get("a")).toBeUndefined();
    node.put(original("c", { renew_timestamp: nowNs(node) }));
    await run(40_000);
    expect(names()).toEqual(["c"]);
  });
});
