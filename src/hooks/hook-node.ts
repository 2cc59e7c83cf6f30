// The webhooks of a process with a message store. Every second it looks whether any are set; then one process of those
// that share the store delivers (lease-keeper.ts), and each knows the endpoints.

import { reasonOf } from "../base/reason-of.ts";
import type { Random } from "../base/random.ts";
import type { Endpoint } from "../store/hooks.ts";
import { StoreUnavailable } from "../store/store.ts";
import { Deliveries, type DeliveryParts } from "./deliveries.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import { graceMs, type HookPace, usualPace } from "./pace.ts";
import { Pauses } from "./pauses.ts";

const holderBytes = 8;

export interface HookNodeParts extends Omit<DeliveryParts, "holder" | "lost" | "failed" | "stopping" | "pace"> {
  readonly random: Pick<Random, "bytes">;
  readonly pace?: HookPace;
}

export class HookNode {
  private readonly parts: HookNodeParts;
  private readonly pace: HookPace;
  private readonly lease: LeaseKeeper;
  private readonly pauses: Pauses;
  private running: Promise<void> | undefined;
  private readonly looked = Promise.withResolvers<void>();
  private version = "";
  private deliveries: Deliveries | undefined;
  /** The lanes have ended by themselves: the next look starts others. */
  private haveFailed = false;
  /** As of the last look. */
  endpoints: readonly Endpoint[] = [];
  /** Called when the endpoints have changed; with undefined while the store has not said yet which there are. */
  onChanged: ((endpoints: readonly Endpoint[] | undefined) => void) | undefined;

  constructor(parts: HookNodeParts) {
    this.parts = parts;
    this.pace = parts.pace ?? usualPace;
    const holder = Buffer.from(parts.random.bytes(holderBytes)).toString("hex");
    this.lease = new LeaseKeeper(parts.store, holder, this.pace, () => parts.clock.monotonicMs());
    this.pauses = new Pauses(parts.timers);
  }

  /** Begins to look; resolves after the first look, whether the store answered or not. */
  start(): Promise<void> {
    this.running ??= this.run();
    return this.looked.promise;
  }

  /** Whether this process tells endpoints what happens. */
  get isDelivering(): boolean {
    return this.deliveries !== undefined;
  }

  /** Looks at once, because a setting has changed here. */
  look(): void {
    this.pauses.wake();
  }

  /** Ends all requests, and gives the lease to another process. */
  async stop(): Promise<void> {
    this.pauses.end(graceMs);
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.pauses.isEnded) {
      try {
        await this.lookOnce();
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) this.parts.bug(error);
        if (this.version === "") this.onChanged?.(undefined);
        this.parts.log.debug("Looking for webhooks failed; retrying.", { reason: reasonOf(error) });
      }
      this.looked.resolve();
      if (!this.lease.isHeld) await this.endDeliveries();
      await this.pauses.pause(this.pace.lookMs);
    }
    await this.endDeliveries();
    await this.lease.release().catch(() => undefined);
  }

  private async lookOnce(): Promise<void> {
    const { store } = this.parts;
    const { version, isUsed, lease } = await store.look();
    const isChanged = version !== this.version;
    if (isChanged) {
      this.endpoints = isUsed ? await store.endpoints() : [];
      this.version = version;
      this.onChanged?.(this.endpoints);
    }
    if (!isUsed) {
      await this.endDeliveries();
      return;
    }
    // Others may have delivered meanwhile, or the store has changed batches itself: what is known of them is old.
    if (lease.holder !== this.lease.holder) await this.endDeliveries();
    await this.lease.look(lease);
    if (isChanged || this.haveFailed || !this.lease.isHeld) await this.endDeliveries();
    if (this.lease.isHeld && this.deliveries === undefined) await this.begin();
  }

  private async begin(): Promise<void> {
    // Positions have moved since the endpoints were read.
    const endpoints = await this.parts.store.endpoints();
    this.haveFailed = false;
    this.deliveries = await Deliveries.start(
      {
        ...this.parts,
        holder: this.lease.holder,
        pace: this.pace,
        lost: () => {
          this.lease.lost();
          this.look();
        },
        failed: () => {
          this.haveFailed = true;
        },
        stopping: this.pauses.signal,
      },
      endpoints,
    );
  }

  private async endDeliveries(): Promise<void> {
    const { deliveries } = this;
    this.deliveries = undefined;
    await deliveries?.stop();
  }
}
