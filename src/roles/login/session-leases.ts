// Keeping gateways' sessions alive for as long as they are linked: every login node renews the leases of its gateways.
// A gateway whose lease nobody had renewed before (it is new, or the sessions were lost) is asked to send its own
// again.

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
  /** Of the leases that the engine has ended here: those that are counted. */
  private counted = 0;

  constructor(sessions: Sessions, dispatcher: Dispatcher, limits: Limits, log: Log, timers: Timers) {
    this.sessions = sessions;
    this.limits = limits;
    this.dispatcher = dispatcher;
    this.log = log;
    this.endRenewals = every(timers, gatewayRenewMs, () => void this.renew([...this.linked.values()]));
  }

  /** A gateway has linked itself: what an earlier start of it held is over. */
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

  /** A gateway's link broke: its sessions end soon, unless another login node still hears it. */
  async lost(gateway: string, incarnation: string): Promise<void> {
    if (this.linked.get(gateway)?.incarnation !== incarnation) return;
    this.linked.delete(gateway);
    try {
      await this.sessions.suspect(gateway, incarnation);
    } catch (error) {
      this.failed(error);
    }
  }

  /** Renews no more: other login nodes do. */
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

  /** The engine ends leases at times of its own, too. */
  private countEnded(): void {
    const { leasesEnded = 0 } = this.sessions;
    for (; this.counted < leasesEnded; this.counted++) this.limits.met("gatewayLeaseMs");
  }

  /** Leases stand still while the engine is away, and the next renewal comes in two seconds. */
  private failed(error: unknown): void {
    if (!this.isFailing) this.log.warn("the sessions cannot be reached; trying on", { error: String(error) });
    this.isFailing = true;
  }
}
