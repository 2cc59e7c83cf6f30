// The gateways that decline to link a logic node, and their reasons. A gateway repeats its reason at each attempt to
// link the node, at least every two seconds; one that has been silent for longer no longer declines, or is gone.

import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";

/** Longer than several attempts. */
const saidMsMax = 10_000;

export class DeclinedBy {
  private readonly parts: {
    readonly log: Log;
    /** Reports whether a gateway is linked now. */
    readonly isLinked: (gateway: string) => boolean;
    readonly clock: Pick<Clock, "monotonicMs">;
  };
  private readonly said = new Map<string, { readonly sentence: string; readonly atMs: number }>();

  constructor(parts: DeclinedBy["parts"]) {
    this.parts = parts;
  }

  /** Takes a gateway's reason for not linking this node; logs the first of several. */
  heard(gateway: string, sentence: string): void {
    this.forget();
    if (!this.said.has(gateway))
      this.parts.log.error("a gateway does not link this node", { gateway, reason: sentence });
    this.said.set(gateway, { sentence, atMs: this.parts.clock.monotonicMs() });
  }

  /** Why gateways do not link this node, for an operator; '' if none has declined recently. */
  get trouble(): string {
    this.forget();
    return [...this.said.values()].map(({ sentence }) => sentence).join("; ");
  }

  private forget(): void {
    const { isLinked, clock } = this.parts;
    const nowMs = clock.monotonicMs();
    for (const [gateway, { atMs }] of this.said)
      if (isLinked(gateway) || nowMs - atMs >= saidMsMax) this.said.delete(gateway);
  }
}
