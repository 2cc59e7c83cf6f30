// Renews the leases of the gateways that are linked to this login node, which keeps their sessions alive. A gateway
// whose lease was new, because it has started or the sessions were lost, is asked to send its sessions again.

import { type Cancel, every, type Timers } from "../../base/timers.ts";
import { gatewayRenewMs } from "../../base/limits/fixed.ts";
import type { Limits } from "../../base/limits/limits.ts";
import type { Log } from "../../base/log.ts";
import type { Dispatcher } from "../../service/dispatcher.ts";
import type { GatewayStart, Sessions } from "../../session/sessions.ts";
import { Command } from "../../wire/commands.ts";

export class SessionLeases {
  private readonly sessions: Sessions;
  private readonly dispatcher: Dispatcher;
  private readonly limits: Limits;
  private readonly log: Log;
  private readonly linked = new Map<string, GatewayStart>();
  private readonly endRenewals: Cancel;
  private isFailing = false;
  /** The expired leases that are counted in the metrics. */
  private counted = 0;

  constructor(sessions: Sessions, dispatcher: Dispatcher, limits: Limits, log: Log, timers: Timers) {
    this.sessions = sessions;
    this.limits = limits;
    this.dispatcher = dispatcher;
    this.log = log;
    this.endRenewals = every(timers, gatewayRenewMs, () => void this.renew([...this.linked.values()]));
  }

  /** Handles a new link: ends the sessions of the gateway's earlier starts, and renews its lease. Never rejects. */
  async linkedTo(gateway: string, incarnation: string): Promise<void> {
    const start = { gateway, incarnation };
    this.linked.set(gateway, start);
    try {
      await this.sessions.removeGateway(gateway, incarnation);
    } catch (error) {
      this.failed(error);
    }
    await this.renew([start]);
  }

  /** Handles a broken link: the sessions end soon, unless another login node renews the lease. Never rejects. */
  async lost(gateway: string, incarnation: string): Promise<void> {
    if (this.linked.get(gateway)?.incarnation !== incarnation) return;
    this.linked.delete(gateway);
    try {
      await this.sessions.suspect(gateway, incarnation);
    } catch (error) {
      this.failed(error);
    }
  }

  /** Stops renewing: other login nodes continue. */
  stop(): void {
    this.endRenewals();
  }

  private async renew(gateways: readonly GatewayStart[]): Promise<void> {
    this.countEnded();
    if (gateways.length === 0) return;
    try {
      const renewed = await this.sessions.renew(gateways);
      this.isFailing = false;
      this.countEnded();
      for (const { gateway } of renewed) this.dispatcher.tell(gateway, Command.Resync);
    } catch (error) {
      this.failed(error);
    }
  }

  private countEnded(): void {
    const { leasesEnded = 0 } = this.sessions;
    for (; this.counted < leasesEnded; this.counted++) this.limits.met("gatewayLeaseMs");
  }

  /**
   * Logs the first of consecutive failures. Leases are suspended while the engine is away; the next renewal retries.
   */
  private failed(error: unknown): void {
    if (!this.isFailing) this.log.warn("the session store cannot be reached; retrying", { error: String(error) });
    this.isFailing = true;
  }
}
