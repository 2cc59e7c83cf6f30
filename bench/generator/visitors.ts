// Accounts that come and go, and clients that watch whether they are there: what each watcher holds, and how late it
// was told.

import { fromBinary } from "@bufbuild/protobuf";
import { Command } from "../../src/wire/commands.ts";
import { PresenceReqSchema, type PresenceState, PresenceStatesSchema } from "../../src/wire/gen/pkt_pb.ts";
import type { PacketScan } from "../../src/wire/packet-scan.ts";
import { Latency } from "../latency.ts";
import type { Target } from "../server/target.ts";
import { ask, signInForConversations } from "./conversation-client.ts";
import { LoadClient, tokenFor } from "./load-client.ts";

/** An account that comes and goes. */
export class Visitor {
  readonly account: string;
  /** When it came and left last, as it was due. */
  cameMs = 0;
  leftMs = 0;
  private readonly target: Target;
  private readonly token: string;
  private readonly lost: (reason: string) => void;
  private client: LoadClient | undefined;
  /** Its former change. */
  private changing: Promise<void> = Promise.resolve();

  private constructor(target: Target, account: string, token: string, lost: (reason: string) => void) {
    this.target = target;
    this.account = account;
    this.token = token;
    this.lost = lost;
  }

  static async of(target: Target, account: string, lost: (reason: string) => void): Promise<Visitor> {
    return new Visitor(target, account, await tokenFor(target, account), lost);
  }

  get isThere(): boolean {
    return this.client !== undefined;
  }

  /** Signs in, or ends the connection, after the former change. Rejects when the sign-in is refused. */
  change(dueMs: number): Promise<void> {
    this.changing = this.changing.then(() => this.changeNow(dueMs));
    return this.changing;
  }

  disconnect(): void {
    this.client?.disconnect();
  }

  private async changeNow(dueMs: number): Promise<void> {
    const { client, target, account, token } = this;
    if (client === undefined) {
      this.cameMs = dueMs;
      const events = { answered() {}, pushed() {}, lost: this.lost };
      this.client = await LoadClient.signIn(target, account, events, { token, device: "phone" });
    } else {
      this.leftMs = dueMs;
      this.client = undefined;
      client.disconnect();
    }
  }
}

/** What all watchers were told. */
export class Told {
  /** From when an account came or left, as it was due, until a watcher was told. */
  readonly latency = new Latency();
  /** States that came while it was measured. */
  measured = 0;
  /** States that their watcher held already. */
  repeated = 0;
  /** Times that a watcher was told to watch again. */
  synced = 0;
  /** When something was told last. */
  heardMs = 0;
  private readonly isMeasured: (momentMs: number) => boolean;

  constructor(isMeasured: (momentMs: number) => boolean) {
    this.isMeasured = isMeasured;
  }

  note(visitor: Visitor, isThere: boolean, isRepeated: boolean, atMs: number): void {
    this.heardMs = atMs;
    if (this.isMeasured(atMs)) this.measured++;
    if (isRepeated) this.repeated++;
    const dueMs = isThere ? visitor.cameMs : visitor.leftMs;
    if (!isRepeated && this.isMeasured(dueMs)) this.latency.record(dueMs, atMs);
  }
}

/** A client that watches visitors. */
export class VisitorWatcher {
  private readonly visitors: ReadonlyMap<string, Visitor>;
  private readonly told: Told;
  private readonly lost: (reason: string) => void;
  /** By account: whether it is there. */
  private readonly held = new Map<string, boolean>();
  private client: LoadClient | undefined;

  constructor(visitors: readonly Visitor[], told: Told, lost: (reason: string) => void) {
    this.visitors = new Map(visitors.map((visitor) => [visitor.account, visitor]));
    this.told = told;
    this.lost = lost;
  }

  /** Signs in, and watches. Rejects with a sentence if either is refused. */
  async begin(target: Target, account: string): Promise<void> {
    this.client = await signInForConversations(target, account, {
      lost: this.lost,
      pushed: (payload, scan, atMs) => this.pushed(payload, scan, atMs),
    });
    await this.watch();
  }

  /** Visitors of which it holds what is not true. */
  get wrong(): number {
    return this.visitors.values().reduce((sum, { account, isThere }) => {
      return sum + (this.held.get(account) === isThere ? 0 : 1);
    }, 0);
  }

  disconnect(): void {
    this.client?.disconnect();
  }

  pushed(payload: Buffer, { commandStart, commandEnd, bodyStart, bodyEnd }: PacketScan, atMs: number): void {
    const command = payload.toString("latin1", commandStart, commandEnd);
    if (command === Command.Sync) {
      this.told.synced++;
      this.watch().catch((error: unknown) => this.lost(String(error)));
    } else if (command === Command.PresenceChanged) {
      const { states } = fromBinary(PresenceStatesSchema, payload.subarray(bodyStart, bodyEnd));
      for (const state of states) this.changed(state, atMs);
    }
  }

  private changed({ account, devices }: PresenceState, atMs: number): void {
    const visitor = this.visitors.get(account);
    if (visitor === undefined) {
      this.lost(`a watcher was told of ${account}, which it does not watch,`);
      return;
    }
    const isThere = devices > 0;
    this.told.note(visitor, isThere, this.held.get(account) === isThere, atMs);
    this.held.set(account, isThere);
  }

  private async watch(): Promise<void> {
    if (this.client === undefined) return;
    const fields = { accounts: [...this.visitors.keys()] };
    const { states } = await ask(this.client, Command.PresenceWatch, [PresenceReqSchema, fields], PresenceStatesSchema);
    for (const { account, devices } of states) this.held.set(account, devices > 0);
  }
}
