// Start-up: a new node knows no instances, and would tell clients so. It refuses reads until another node has sent its
// table, or until it is clear that none can.

import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { Compared, PeerFailure } from "./peer-messages.ts";
import type { Timers } from "../../base/timers.ts";

/** How long to wait if all others are starting or away. */
const aloneMs = 3_000;
/** The time limit for a node that has begun to send its table. */
const syncMsMax = 60_000;
/** The pause between two attempts with one node. */
const retryMs = 300;

/** Merges a node's whole table: `part` receives each answer, `done` the last one. */
type Restore = (
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
  /** True until this node's table is as complete as possible: reads are refused. */
  isProtected = true;
  /** True once another node has sent its whole table. */
  isSynced = false;
  private readonly beganMs: number;
  /** Nodes that have sent a part of their table: they are worth waiting for. */
  private readonly sending = new Set<string>();
  private isClosed = false;
  private readonly parts: StartUpParts;

  /** `addresses` returns all other known nodes; `ended` is called once, when protection ends. */
  constructor(parts: StartUpParts) {
    this.parts = parts;
    this.beganMs = parts.clock.monotonicMs();
  }

  /** Asks all other nodes; without any, start-up ends at once. */
  begin(): void {
    const addresses = this.parts.addresses();
    if (addresses.length === 0) {
      this.end("no other nodes are known");
      return;
    }
    for (const address of addresses) this.ask(address);
    this.parts.timers.after(aloneMs, () => this.endIfAlone());
    this.parts.timers.after(syncMsMax, () => this.end("no other node sent its whole table within a minute"));
  }

  close(): void {
    this.isClosed = true;
  }

  private ask(address: string): void {
    if (!this.isProtected || this.isClosed) return;
    const part = ({ node }: Compared): void => {
      if (!node.isStarting) this.sending.add(address);
    };
    this.parts.restore(address, part, (reply) => {
      this.sending.delete(address);
      if (!this.isProtected || this.isClosed) return;
      if (reply.kind === "compared" && !reply.node.isStarting) {
        this.isSynced = true;
        this.end(`synchronised with ${address}`);
        return;
      }
      // It may have been this node under another name.
      if (!this.parts.addresses().includes(address)) {
        if (this.parts.addresses().length === 0) this.end("no other nodes are known");
        return;
      }
      if (this.parts.clock.monotonicMs() - this.beganMs >= aloneMs) this.endIfAlone();
      else this.parts.timers.after(retryMs, () => this.ask(address));
    });
  }

  private endIfAlone(): void {
    if (this.sending.size === 0) this.end("all other nodes are starting or unreachable");
  }

  private end(why: string): void {
    if (!this.isProtected || this.isClosed) return;
    this.isProtected = false;
    this.parts.log.info("the registry can be read", { why });
    this.parts.ended();
  }
}
