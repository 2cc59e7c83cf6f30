// Checks whether every gateway with a lease in the session store is linked to this node. The node's pushes to the
// clients of an unlinked gateway are lost: the gateway uses another registry, or does not reach the node. The lease of
// a gateway that was killed or has left ends before the node complains.

import type { Log } from "../base/log.ts";
import { type Cancel, every, type Timers } from "../base/timers.ts";
import type { GatewayStart } from "../session/sessions.ts";

const lookMs = 5_000;
/** Longer than a lease, and than a gateway takes to link a listed node. */
const unlinkedMsMax = 15_000;

export class UnlinkedGateways {
  private readonly parts: {
    /** Resolves with the gateways that have a lease. Rejects while the session store is unavailable. */
    readonly gateways: () => Promise<readonly GatewayStart[]>;
    readonly isLinked: (gateway: string) => boolean;
    /** False while gateways cannot find this node: it is not listed, or the registry is unavailable. */
    readonly canBeFound: () => boolean;
    readonly timers: Timers;
    readonly log: Log;
  };
  /** How long a gateway has been unlinked, as observed without a gap. */
  private unlinkedMs = new Map<string, number>();
  private readonly warned = new Set<string>();
  private cancel: Cancel | undefined;

  constructor(parts: UnlinkedGateways["parts"]) {
    this.parts = parts;
  }

  start(): void {
    this.cancel = every(this.parts.timers, lookMs, () => void this.look());
  }

  stop(): void {
    this.cancel?.();
    this.cancel = undefined;
  }

  /** The gateways that have been unlinked for too long, and still are. */
  get ids(): readonly string[] {
    const { isLinked } = this.parts;
    return [...this.unlinkedMs].filter(([id, ms]) => ms >= unlinkedMsMax && !isLinked(id)).map(([id]) => id);
  }

  private async look(): Promise<void> {
    const { isLinked, canBeFound, log } = this.parts;
    const known = canBeFound() ? await this.known() : undefined;
    if (this.cancel === undefined) return;
    if (known === undefined) {
      // That time was not observed.
      this.unlinkedMs.clear();
      return;
    }
    const unlinked = [...known].filter((id) => !isLinked(id));
    this.unlinkedMs = new Map(
      unlinked.map((id) => {
        const before = this.unlinkedMs.get(id);
        return [id, before === undefined ? 0 : before + lookMs];
      }),
    );
    for (const id of this.warned) {
      if (unlinked.includes(id)) continue;
      this.warned.delete(id);
      if (isLinked(id)) log.info("a gateway is linked to this node again", { gateway: id });
    }
    for (const id of this.ids) {
      if (this.warned.has(id)) continue;
      this.warned.add(id);
      log.warn(
        "a gateway that has signed people in is not linked to this node: what this node sends them is lost; " +
          "check that both have the same --discovery and --env, and that the gateway reaches this node",
        { gateway: id },
      );
    }
  }

  /** Undefined while the session store is unavailable, which others report. */
  private async known(): Promise<ReadonlySet<string> | undefined> {
    try {
      return new Set((await this.parts.gateways()).map(({ gateway }) => gateway));
    } catch {
      return undefined;
    }
  }
}
