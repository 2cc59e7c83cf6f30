// Watches whether a logic node has gateways. A node without any for a minute serves no client: it registers in another
// environment than the gateways, uses another registry, or is unreachable for them.

import type { Log } from "../base/log.ts";
import type { Naming } from "../registry/client/naming.ts";
import { type Cancel, every, type Timers } from "../base/timers.ts";
import { gatewayServices } from "../registry/lookup/gateway-services.ts";

const lookMs = 5_000;
/** Longer than a restart of all gateways. */
const aloneMsMax = 60_000;

export class GatewayWatch {
  private readonly parts: {
    readonly naming: Naming;
    readonly timers: Timers;
    readonly log: Log;
    /** Returns the number of linked gateways. */
    readonly linkedCount: () => number;
    /** Why gateways decline this node or cannot find it; '' if no reason is known. */
    readonly declined?: () => string;
  };
  private aloneMs = 0;
  private reason = "";
  private cancel: Cancel | undefined;

  constructor(parts: GatewayWatch["parts"]) {
    this.parts = parts;
  }

  start(): void {
    this.cancel = every(this.parts.timers, lookMs, () => void this.look());
  }

  /** Why no gateway has been linked for a minute, for an operator; '' while one is, or was less than a minute ago. */
  get trouble(): string {
    return this.parts.linkedCount() > 0 ? "" : this.reason;
  }

  stop(): void {
    this.cancel?.();
    this.cancel = undefined;
  }

  private async look(): Promise<void> {
    const { linkedCount, log } = this.parts;
    if (linkedCount() > 0) {
      if (this.reason !== "") log.info("a gateway is linked again");
      this.aloneMs = 0;
      this.reason = "";
      return;
    }
    this.aloneMs += lookMs;
    if (this.aloneMs < aloneMsMax) return;
    const wasKnown = this.reason !== "";
    const reason = await this.reasonOf();
    if (this.cancel === undefined || linkedCount() > 0) return;
    this.reason = reason;
    if (!wasKnown) log.warn("no gateway has been linked to this node for a minute; nobody uses it", { reason });
  }

  private async reasonOf(): Promise<string> {
    const declined = this.parts.declined?.() ?? "";
    if (declined !== "") return declined;
    try {
      const listed = (await Promise.all(gatewayServices.map((service) => this.parts.naming.find(service)))).flat();
      const ids = [...new Set(listed.map(({ hostname }) => hostname))];
      const { leftOut = [] } = this.parts.naming;
      if (ids.length === 0 && leftOut.length > 0) {
        const found = `the gateways that are listed (${leftOut.join(", ")}) have no proof by its keys`;
        return `${found}; compare their --cluster-key-file and --env with its own`;
      }
      if (ids.length > 0)
        return `${ids.join(", ")} cannot reach it; check its --listen and --advertise, and the network`;
      const advice = "give it the --env and --discovery of the gateways, or start one";
      return `the registry lists no gateway in its environment; ${advice}`;
    } catch {
      return "no registry node answers; check --discovery";
    }
  }
}
