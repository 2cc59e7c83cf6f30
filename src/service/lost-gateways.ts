// The gateways whose links to this node have broken although the registry lists them: they have crashed, or cannot
// reach it. A gateway that leaves announces it in the registry before its links end. A gateway is forgotten when it
// links this node again, or when its lease in the registry must have expired.

import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Naming } from "../registry/client/naming.ts";
import { gatewayServices } from "../registry/lookup/gateway-services.ts";

/** Longer than a lease of the registry. */
const rememberedMs = 100_000;

interface Lost {
  readonly sinceMs: number;
  isListed: boolean;
}

export class LostGateways {
  private readonly parts: {
    readonly isLinked: (gateway: string) => boolean;
    readonly naming: Pick<Naming, "find">;
    readonly log: Log;
    readonly clock: Pick<Clock, "monotonicMs">;
  };
  private readonly lost = new Map<string, Lost>();
  private isAsking = false;

  constructor(parts: LostGateways["parts"]) {
    this.parts = parts;
  }

  /** Their ids, in the order in which the links broke. */
  get ids(): readonly string[] {
    return [...this.lost].filter(([, { isListed }]) => isListed).map(([id]) => id);
  }

  /** Call when a gateway's link has ended. */
  ended(gateway: string): void {
    this.lost.delete(gateway);
    this.lost.set(gateway, { sinceMs: this.parts.clock.monotonicMs(), isListed: false });
  }

  /** Forgets gateways that are back or expired, and looks up those whose links have ended since the last call. */
  look(): void {
    const { isLinked, clock } = this.parts;
    const nowMs = clock.monotonicMs();
    for (const [id, { sinceMs }] of this.lost) if (isLinked(id) || nowMs - sinceMs > rememberedMs) this.lost.delete(id);
    const isUnsure = [...this.lost.values()].some(({ isListed }) => !isListed);
    if (isUnsure && !this.isAsking) void this.ask();
  }

  private async ask(): Promise<void> {
    this.isAsking = true;
    const asked = [...this.lost].filter(([, { isListed }]) => !isListed);
    try {
      const lists = await Promise.all(gatewayServices.map((service) => this.parts.naming.find(service)));
      const staying = lists.flat().filter(({ metadata }) => metadata.get("state") !== "leaving");
      const listed = new Set(staying.map(({ hostname }) => hostname));
      for (const [id, loss] of asked) {
        if (this.lost.get(id) !== loss) continue;
        if (listed.has(id)) {
          loss.isListed = true;
          this.parts.log.warn("a gateway's link has broken: clients are not told of it", { gateway: id });
        } else this.lost.delete(id);
      }
    } catch {
      // No registry node answers, which its client has logged. The next call tries again.
    } finally {
      this.isAsking = false;
    }
  }
}
