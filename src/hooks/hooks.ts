// The webhooks of a process, assembled.

import type { BlockList } from "node:net";
import type { Runtime } from "../base/runtime.ts";
import type { Log } from "../base/log.ts";
import type { HookNumbers } from "../observe/metrics.ts";
import type { Sessions } from "../session/sessions.ts";
import type { Store } from "../store/store.ts";
import { HookAddresses } from "./addresses.ts";
import { BeforeHooks } from "./before-hooks.ts";
import { HookCounts } from "./hook-counts.ts";
import { HookDesk } from "./hook-desk.ts";
import { HookNode } from "./hook-node.ts";
import { HttpSender } from "./http-sender.ts";
import { LaneThreads } from "./thread/lane-thread.ts";

/** What the options of a role say about webhooks. */
export interface HookSettings {
  /** Of the addresses that are not reachable from everywhere, those that endpoints may have. */
  readonly hookAllow?: BlockList | undefined;
  readonly hookProxy?: URL | undefined;
  /** How long a talk waits for the answer of a before hook. */
  readonly hookTimeoutMs: number;
}

interface Parts extends Runtime {
  readonly store: Store;
  readonly sessions: Pick<Sessions, "locate" | "watchPresence">;
  readonly settings: HookSettings;
  readonly version?: string | undefined;
  readonly log: Log;
  readonly bug: (error: unknown) => void;
}

export class Hooks {
  private readonly counts = new HookCounts();
  readonly desk: HookDesk;
  readonly before: BeforeHooks;
  private readonly sender: HttpSender;
  private readonly threads: LaneThreads;
  private readonly node: HookNode;

  constructor({ store, sessions, settings, version = "", log, bug, clock, timers, random }: Parts) {
    const addresses = new HookAddresses(settings.hookAllow);
    this.sender = new HttpSender({ addresses, proxy: settings.hookProxy, timers, version });
    const { sender, counts } = this;
    const { hooks } = store.backEnd;
    const common = { store: hooks, sender, clock, random, log };
    this.threads = new LaneThreads({ allowed: settings.hookAllow, proxy: settings.hookProxy, version });
    const isSaturated = (): boolean => store.isSaturated;
    const ofNode = { startLanes: this.threads.start, isSaturated, conversations: store, sessions, timers, counts, bug };
    this.node = new HookNode({ ...common, ...ofNode });
    const { hookTimeoutMs: timeoutMs } = settings;
    this.before = new BeforeHooks({ store: hooks, clock, timers, sender, random, timeoutMs, counts, bug });
    this.node.onChanged = (endpoints) => this.before.update(endpoints);
    this.desk = new HookDesk({ ...common, changed: () => this.node.look() });
  }

  /** Resolves when the endpoints are known that are asked before something is done, if the store answers. */
  start(): Promise<void> {
    return this.node.start();
  }

  async stop(): Promise<void> {
    await this.node.stop();
    await this.threads.close();
    this.sender.close();
  }

  get numbers(): HookNumbers {
    const { delivered, failedAttempts, dead, lost, unanswered } = this.counts;
    return { isDelivering: this.node.isDelivering, delivered, failedAttempts, dead, lost, unanswered };
  }
}
