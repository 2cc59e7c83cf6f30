// Decides when a logic node becomes ready: every gateway that the registry lists is linked to it, since pushes to
// clients of the others would be lost, and it has told the gateways what they must know before they accept clients. It
// stays ready for the life of the process.

import type { Log } from "../base/log.ts";
import type { Naming } from "../registry/client/naming.ts";
import { gatewayServices } from "../registry/lookup/gateway-services.ts";
import type { Cancel, Timers } from "../base/timers.ts";

/** A gateway that does not connect must not keep a node from becoming ready. */
const waitMsMax = 10_000;
const checkMs = 200;

export class Readiness {
  private readonly naming: Naming;
  private readonly timers: Timers;
  private readonly log: Log;
  private readonly isLinked: (gateway: string) => boolean;
  private readonly linkedCount: () => number;
  private readonly prepared: () => Promise<void>;
  private readonly reached: (isForced: boolean) => void;
  private cancel: Cancel | undefined;
  private isOver = false;
  private deadline: Cancel | undefined;

  /** `reached` is called once. */
  constructor(parts: {
    naming: Naming;
    timers: Timers;
    log: Log;
    isLinked: (gateway: string) => boolean;
    linkedCount: () => number;
    prepared: () => Promise<void>;
    reached: (isForced: boolean) => void;
  }) {
    this.naming = parts.naming;
    this.timers = parts.timers;
    this.log = parts.log;
    this.isLinked = parts.isLinked;
    this.linkedCount = parts.linkedCount;
    this.prepared = parts.prepared;
    this.reached = parts.reached;
  }

  start(): void {
    this.deadline = this.timers.after(waitMsMax, () => {
      this.log.warn("not every gateway has linked itself to this node; it serves without them", {
        linked: this.linkedCount(),
      });
      this.end(true);
    });
    void this.check(this.prepared());
  }

  stop(): void {
    this.isOver = true;
    this.cancel?.();
    this.deadline?.();
  }

  private async check(preparing: Promise<void>): Promise<void> {
    const [isCovered] = await Promise.all([this.isCovered(), preparing]);
    if (this.isOver) return;
    if (isCovered) this.end(false);
    else this.cancel = this.timers.after(checkMs, () => void this.check(preparing));
  }

  private async isCovered(): Promise<boolean> {
    try {
      const listed = (await Promise.all(gatewayServices.map((service) => this.naming.find(service)))).flat();
      // A registry that lists no gateway although some are linked has just started.
      if (listed.length === 0) return this.linkedCount() === 0;
      return listed.every(({ hostname, metadata }) => metadata.get("state") === "leaving" || this.isLinked(hostname));
    } catch {
      // No registry node answers; the deadline ends the wait.
      return false;
    }
  }

  private end(isForced: boolean): void {
    if (this.isOver) return;
    this.stop();
    this.reached(isForced);
  }
}
