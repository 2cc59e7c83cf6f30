// Start-up: a node that has just begun knows nothing, and would tell its clients so. It refuses to be read until
// another node has told it what there is, or until it is clear that none can.

import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { Compared, PeerFailure } from "./peer-messages.ts";
import type { Timers } from "../../base/timers.ts";

/** When all others are starting or away, this long is waited for them. */
const aloneMs = 3_000;
/** One that has begun to tell us may take this long in all. */
const syncMsMax = 60_000;
/** Between two attempts with one node. */
const retryMs = 300;

/** Takes in everything that a node knows: `part` hears of each answer, `done` of the last one. */
export type Restore = (
  address: string,
  part: (reply: Compared) => void,
  done: (reply: Compared | PeerFailure) => void,
) => void;

interface StartUpParts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
  readonly addresses: () => readonly string[];
  readonly restore: Restore;
  readonly ended: () => void;
}

export class StartUp {
  /** True until this node's table is as good as it gets: reads are refused. */
  isProtected = true;
  /** True once another node has told us all it knows. */
  isSynced = false;
  private readonly beganMs: number;
  /** Nodes that have sent a part of what they know: they are worth waiting for. */
  private readonly telling = new Set<string>();
  private isClosed = false;
  private readonly parts: StartUpParts;

  /** `addresses` gives all other nodes that are known; `ended` is called once, when protection is over. */
  constructor(parts: StartUpParts) {
    this.parts = parts;
    this.beganMs = parts.clock.monotonicMs();
  }

  /** Asks all others; without others it is over at once. */
  begin(): void {
    const addresses = this.parts.addresses();
    if (addresses.length === 0) {
      this.end("there are no other nodes");
      return;
    }
    for (const address of addresses) this.ask(address);
    this.parts.timers.after(aloneMs, () => this.endIfAlone());
    this.parts.timers.after(syncMsMax, () => this.end("no other node told all it knows within a minute"));
  }

  close(): void {
    this.isClosed = true;
  }

  private ask(address: string): void {
    if (!this.isProtected || this.isClosed) return;
    const part = ({ node }: Compared): void => {
      if (!node.isStarting) this.telling.add(address);
    };
    this.parts.restore(address, part, (reply) => {
      this.telling.delete(address);
      if (!this.isProtected || this.isClosed) return;
      if (reply.kind === "compared" && !reply.node.isStarting) {
        this.isSynced = true;
        this.end(`synchronised with ${address}`);
        return;
      }
      // It may have been ourselves, under another name.
      if (!this.parts.addresses().includes(address)) {
        if (this.parts.addresses().length === 0) this.end("there are no other nodes");
        return;
      }
      if (this.parts.clock.monotonicMs() - this.beganMs >= aloneMs) this.endIfAlone();
      else this.parts.timers.after(retryMs, () => this.ask(address));
    });
  }

  private endIfAlone(): void {
    if (this.telling.size === 0) this.end("all other nodes are starting, too, or cannot be reached");
  }

  private end(why: string): void {
    if (!this.isProtected || this.isClosed) return;
    this.isProtected = false;
    this.parts.log.info("the registry can be read", { why });
    this.parts.ended();
  }
}
