// Sends kicks and revocations to gateways: announces the number of the last row, and answers with rows. Other chat
// nodes of the store add rows, too, so it polls the store while a gateway is linked; this node's own rows are announced
// at once.

import type { Time } from "../../base/runtime.ts";
import type { Dispatcher } from "../../service/dispatcher.ts";
import { Refusal } from "../../service/refusal.ts";
import type { Handler } from "../../service/router.ts";
import type { ServiceMetrics } from "../../observe/metrics.ts";
import { type Store, StoreUnavailable } from "../../store/store.ts";
import { Command } from "../../wire/commands.ts";
import { Status } from "../../wire/gen/pkt_pb.ts";
import { decodeRevocationsQuestion, encodeRevocationsPage, encodeRevocationsState } from "../../wire/revocations.ts";

/** Between two looks at the store: what another node has added shall be in force within a second. */
const lookMs = 500;
/** Of one answer; each has at most 2 KiB. */
const rowsMax = 500;

export class RevocationFeed {
  private readonly store: Pick<Store, "identity" | "revocations">;
  private readonly dispatcher: Pick<Dispatcher, "tell">;
  private readonly metrics: Pick<ServiceMetrics, "bug">;
  private readonly time: Time;
  /** The number of the last row that is known, and the store that it is of. */
  private version = 0n;
  private identity = "";
  private readonly gateways = new Set<string>();
  private looking: Promise<void> | undefined;
  private isArmed = false;

  constructor(
    store: RevocationFeed["store"],
    dispatcher: RevocationFeed["dispatcher"],
    metrics: RevocationFeed["metrics"],
    time: RevocationFeed["time"],
  ) {
    this.store = store;
    this.dispatcher = dispatcher;
    this.metrics = metrics;
    this.time = time;
  }

  /** A gateway has linked itself. */
  linked(gateway: string): void {
    this.gateways.add(gateway);
    this.tell([gateway]);
    void this.look();
    this.arm();
  }

  /** A gateway's link broke. */
  lost(gateway: string): void {
    this.gateways.delete(gateway);
  }

  /** This node has added a row: resolves when the linked gateways are told. */
  async added(): Promise<void> {
    // A look that is under way may have read before.
    await this.looking;
    await this.look();
  }

  /** Tells no more. */
  stop(): void {
    this.gateways.clear();
  }

  /** Sends a gateway that asks the rows above a number. That is no answer, but a word of its own. */
  readonly send: Handler = async (context) => {
    // Clients' requests carry an account.
    if (context.account !== "") throw new Refusal(Status.NotImplemented, "this command is between services");
    const after = decodeRevocationsQuestion(context.packet.subarray(context.bodyStart));
    if (after === undefined) throw new Refusal(Status.InvalidPacketBody, "the body is no question for revocations");
    context.dismiss();
    const { identity: store, version: known } = this;
    const rows = await this.store.revocations(after, rowsMax);
    if (store !== this.identity || store !== this.store.identity?.identity) return;
    const last = rows.at(-1)?.id ?? after;
    // All that was known before is among the rows, unless it is not kept any more.
    const version = rows.length === rowsMax || last > known ? last : known;
    const page = encodeRevocationsPage({ store, version, after, nowMs: this.time.clock.wallMs(), rows });
    this.dispatcher.tell(context.link.gateway, Command.Revocations, page);
  };

  private arm(): void {
    if (this.isArmed) return;
    this.isArmed = true;
    this.time.timers.after(lookMs, () => {
      this.isArmed = false;
      if (this.gateways.size === 0) return;
      void this.look();
      this.arm();
    });
  }

  /** Reads what the store has of late, and tells the linked gateways; never rejects. */
  look(): Promise<void> {
    this.looking ??= this.lookOnce().finally(() => {
      this.looking = undefined;
    });
    return this.looking;
  }

  private async lookOnce(): Promise<void> {
    try {
      if (await this.hasNew()) this.tell(this.gateways);
    } catch (error) {
      // The store itself says that it is away; it is looked at again soon.
      if (!(error instanceof StoreUnavailable)) this.metrics.bug(error, "request");
    }
  }

  private async hasNew(): Promise<boolean> {
    const identity = this.store.identity?.identity ?? "";
    if (identity === "") return false;
    let version = identity === this.identity ? this.version : 0n;
    for (let length = rowsMax; length === rowsMax;) {
      const rows = await this.store.revocations(version, rowsMax);
      ({ length } = rows);
      version = rows.at(-1)?.id ?? version;
    }
    const isNew = version !== this.version || identity !== this.identity;
    this.version = version;
    this.identity = identity;
    return isNew;
  }

  private tell(gateways: Iterable<string>): void {
    if (this.version === 0n) return;
    const state = encodeRevocationsState({ store: this.identity, version: this.version });
    for (const gateway of gateways) this.dispatcher.tell(gateway, Command.Revocations, state);
  }
}
