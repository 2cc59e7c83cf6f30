// Accounts and groups whose pushes were lost because an engine was away. When it is back, their clients receive the
// hint to read the index, in slices, as deliveries to groups do.
//
// Memory: an entry for each account and group, bounded; beyond the bound, none is added.

import type { Timers } from "../../base/timers.ts";
import type { PushScope } from "../../service/dispatcher.ts";
import { Command } from "../../wire/commands.ts";
import type { Delivery, FanOut } from "./fan-out.ts";
import type { GroupAudience } from "./group-audience.ts";

/** Between two tries to reach the engines, in milliseconds. */
const retryMs = 1_000;
const missedMax = 100_000;
const noBody = new Uint8Array(0);

interface Parts {
  readonly audience: GroupAudience;
  readonly fanOut: FanOut;
}

export class MissedPushes {
  private readonly parts: Parts;
  private readonly scope: PushScope;
  private readonly timers: Pick<Timers, "after">;
  /** By app. */
  private accounts = new Map<string, Set<string>>();
  /** By app, the last version of each group of which a message was not pushed. */
  private groups = new Map<string, Map<string, bigint>>();
  private count = 0;

  /** `scope`: the connections whose pushes these are. */
  constructor(parts: Parts, scope: PushScope, timers: Pick<Timers, "after">) {
    this.parts = parts;
    this.scope = scope;
    this.timers = timers;
  }

  /** The devices of these accounts have missed something. */
  add(app: string, accounts: Iterable<string>): void {
    let missed = this.accounts.get(app);
    if (missed === undefined) this.accounts.set(app, (missed = new Set()));
    for (const account of accounts) if (this.mayKeep()) missed.add(account);
  }

  /** The members of a group, as of `version`, have missed something. */
  addGroup(app: string, group: string, version: bigint): void {
    if (!this.mayKeep()) return;
    const ofApp = this.groups.get(app);
    if (ofApp === undefined) this.groups.set(app, new Map([[group, version]]));
    else ofApp.set(group, version);
  }

  private mayKeep(): boolean {
    if (this.count === 0) this.timers.after(retryMs, () => this.tell());
    return this.count++ < missedMax;
  }

  private tell(): void {
    const { accounts, groups, parts, scope } = this;
    const { audience, fanOut } = parts;
    this.accounts = new Map();
    this.groups = new Map();
    this.count = 0;
    for (const [app, missed] of accounts)
      fanOut.add(
        new Hint(
          app,
          "",
          scope,
          () => [...missed],
          () => this.add(app, missed),
        ),
      );
    for (const [app, ofApp] of groups) {
      for (const [group, version] of ofApp) {
        const online = async (): Promise<readonly string[]> => [...(await audience.online(app, group, version))];
        fanOut.add(new Hint(app, group, scope, online, () => this.addGroup(app, group, version)));
      }
    }
  }
}

/** `chat.sync` on its way. What fails is tried again; that it fails was logged when the push was lost. */
class Hint implements Delivery {
  readonly app: string;
  readonly head: Delivery["head"];
  readonly payer = "";
  readonly scope: PushScope;
  readonly audience = undefined;
  readonly bytes = 0;
  readonly accounts: Delivery["accounts"];
  readonly failed: () => void;

  constructor(app: string, dest: string, scope: PushScope, accounts: Delivery["accounts"], failed: () => void) {
    this.app = app;
    this.scope = scope;
    this.head = { command: Command.Sync, channelId: "", sequence: 0, dest };
    this.accounts = accounts;
    this.failed = failed;
  }

  body(): Uint8Array {
    return noBody;
  }

  done(): void {
    // Nobody pays for what an engine has caused.
  }
}
