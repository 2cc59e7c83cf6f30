// Who has missed a push because an engine was away when it was due: they are told to read the index once it is back.
//
// Memory: an entry for each account and each group, bounded; beyond it the oldest are forgotten.

import { accountKey } from "../../base/account-key.ts";
import type { Timers } from "../../base/timers.ts";
import type { Dispatcher, Located } from "../../service/dispatcher.ts";
import type { Sessions } from "../../session/sessions.ts";
import { Command } from "../../wire/commands.ts";
import type { GroupAudience } from "./group-audience.ts";

/** Between two tries to reach the engines, in milliseconds. */
const retryMs = 1_000;
const missedMax = 100_000;
const syncHead = { command: Command.Sync, channelId: "", sequence: 0, dest: "" } as const;
const noBody = new Uint8Array(0);

/** A stored message whose receivers are unknown. */
interface Missed {
  readonly app: string;
  /** Accounts, unless a group is named. */
  readonly accounts: readonly string[];
  readonly group?: { readonly id: string; readonly version: bigint };
}

export class MissedPushes {
  private readonly parts: {
    readonly sessions: Sessions;
    readonly audience: GroupAudience;
    readonly dispatcher: Pick<Dispatcher, "push">;
  };
  private readonly timers: Pick<Timers, "after">;
  private missed = new Map<string, Missed>();
  private isArmed = false;

  constructor(parts: MissedPushes["parts"], timers: Pick<Timers, "after">) {
    this.parts = parts;
    this.timers = timers;
  }

  /** The devices of these accounts have missed something. */
  add(app: string, accounts: readonly string[]): void {
    for (const account of accounts) this.keep(accountKey(app, account), { app, accounts: [account] });
  }

  /** The members of a group, as of `version`, have missed something. */
  addGroup(app: string, id: string, version: bigint): void {
    this.keep(JSON.stringify([app, id]), { app, accounts: [], group: { id, version } });
  }

  private keep(key: string, missed: Missed): void {
    const [oldest] = this.missed.keys();
    if (this.missed.size >= missedMax && oldest !== undefined) this.missed.delete(oldest);
    this.missed.set(key, missed);
    this.arm();
  }

  private arm(): void {
    if (this.isArmed) return;
    this.isArmed = true;
    this.timers.after(retryMs, () => void this.look());
  }

  private async look(): Promise<void> {
    const { missed } = this;
    this.missed = new Map();
    for (const [key, each] of missed) {
      try {
        const located = await this.locate(each);
        this.parts.dispatcher.push(syncHead, noBody, located, "");
      } catch {
        // Whoever lost the push has logged it; the rest would only wait for the same engine.
        this.missed = new Map([...missed, ...this.missed]);
        break;
      }
      missed.delete(key);
    }
    this.isArmed = false;
    if (this.missed.size > 0) this.arm();
  }

  private async locate({ app, accounts, group }: Missed): Promise<Located> {
    const { sessions, audience } = this.parts;
    const receivers = group === undefined ? accounts : [...(await audience.online(app, group.id, group.version))];
    return sessions.locate(app, receivers);
  }
}
