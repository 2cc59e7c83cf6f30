// Instances that the registry asks how they are, over virtual time and with scripted answers.

import { testLimits } from "../../support/limits.ts";
import { silentLog } from "../../../src/base/log.ts";
import { seededRandom } from "../../../src/base/random.ts";
import { HealthChecks } from "../../../src/registry/node/health-checks.ts";
import { type Instance, Status } from "../../../src/registry/instance.ts";
import type { Register, SetChange } from "../../../src/registry/node/registrar.ts";
import { RegistryNode } from "../../../src/registry/node/registry-node.ts";
import { VirtualTime } from "../../sim/virtual-time.ts";
import { identityOf, localCaller, ManualNetwork, registration } from "../support.ts";

export const healthUrl = "http://10.0.0.1:9100/health";
export const trusted = { ...localCaller, isTrusted: true };

/** A node with its health checks; `isWell` is what each question is answered. */
export class Clinic {
  readonly time = new VirtualTime();
  readonly asked: string[] = [];
  /** When each was asked, in milliseconds. */
  readonly askedAtMs: number[] = [];
  isWell = true;
  readonly node: RegistryNode;
  readonly checks: HealthChecks;

  constructor(hasKey = true) {
    this.node = new RegistryNode({
      settings: {
        env: "prod",
        zone: "z1",
        region: "r1",
        address: "10.0.0.9:7171",
        seeds: [],
        version: "1",
        hasKey,
      },
      limits: testLimits(),
      clock: this.time.clock(0),
      timers: this.time.timersOf(() => true),
      random: seededRandom(1),
      network: new ManualNetwork(this.time),
      log: silentLog,
    });
    this.node.start();
    this.checks = new HealthChecks({
      node: this.node,
      clock: this.time.clock(0),
      timers: this.time.timersOf(() => true),
      random: seededRandom(2),
      probe: async (url) => {
        this.asked.push(url);
        this.askedAtMs.push(this.time.nowMs);
        return this.isWell;
      },
      log: silentLog,
    });
  }

  register(change: Partial<Register> = {}, caller = trusted): void {
    const metadata = new Map([["health_url", healthUrl]]);
    this.node.registrar.register(registration({ metadata, ...change }), caller);
  }

  set(change: Partial<SetChange>): void {
    const { env, appid, zone } = identityOf();
    const changes = [{ hostname: "chat-1", status: undefined, metadata: undefined, ...change }];
    this.node.registrar.set({ env, appid, zone, changes, setTimestamp: 0n }, "client");
  }

  get instance(): Instance | undefined {
    return this.node.table.get(identityOf())?.instance;
  }

  /** Status and what the checks have noted; undefined once it is gone. */
  get state(): string | undefined {
    const { instance } = this;
    if (instance === undefined) return undefined;
    return `${instance.status === Status.Up ? "UP" : "WAITING"} ${instance.metadata.get("health") ?? "-"}`;
  }

  /** Lets time pass, and the answers come. */
  async pass(seconds: number): Promise<void> {
    for (let half = 0; half < seconds * 2; half++) {
      this.time.advance(500);
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    }
  }
}
