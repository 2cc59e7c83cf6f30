// What this account has set for itself: blocks, settings, its profile. All devices of the account agree.

import { Command } from "../../wire/commands.ts";
import { AccountSettingsReq } from "../../wire/gen/messages/account-settings-req.ts";
import { AccountSettings as WireSettings } from "../../wire/gen/messages/account-settings.ts";
import { AccountStateChange } from "../../wire/gen/messages/account-state-change.ts";
import { AccountStateReq } from "../../wire/gen/messages/account-state-req.ts";
import { AccountStateResp } from "../../wire/gen/messages/account-state-resp.ts";
import type { BlockState } from "../../wire/gen/messages/block-state.ts";
import { BlockReq } from "../../wire/gen/messages/block-req.ts";
import { ProfileSetReq } from "../../wire/gen/messages/profile-set-req.ts";
import type { Profile as WireProfile } from "../../wire/gen/messages/profile.ts";
import type { MessageInit } from "../../wire/message-type.ts";
import { Disconnected, errorOf } from "../client-errors.ts";
import { OnceATurn } from "../once-a-turn.ts";
import { Outcome } from "../outcome.ts";
import type { CommunityOwner } from "./community-owner.ts";
import type { AccountSettings, CommunityEvents, Profile, ProfileUpdate } from "./community-types.ts";
import { noProfile, type Profiles } from "./profiles.ts";
import { consentNumbers, consentOf } from "./wire-values.ts";

type Part = CommunityEvents["accountChanged"]["parts"] extends ReadonlySet<infer Name> ? Name : never;

export class OwnAccount {
  private readonly owner: CommunityOwner;
  private readonly profiles: Profiles;
  private readonly notes: OnceATurn<Part>;
  /** Everything up to here is known. Pushes do not move it: one before them may have been lost. */
  private version = 0n;
  /** Also of those that were ended: the server keeps 10,000 in all. */
  private readonly blocks = new Map<string, BlockState>();
  private cached: ReadonlySet<string> | undefined;
  private ownSettings: WireSettings = { write: 0, add: 0, version: 0n };
  private ownProfile: WireProfile | undefined;
  private isRead = false;
  private reading: Promise<void> | undefined;
  private isWantedAgain = false;
  private readonly outcome = new Outcome();
  private failure: Error | undefined;

  constructor(owner: CommunityOwner, profiles: Profiles) {
    this.owner = owner;
    this.profiles = profiles;
    this.notes = new OnceATurn(owner.environment, (parts) => void owner.notices.emit("accountChanged", { parts }));
  }

  get blocked(): ReadonlySet<string> {
    this.cached ??= new Set([...this.blocks.values()].flatMap(({ account, off }) => (off ? [] : [account])));
    return this.cached;
  }

  get settings(): AccountSettings {
    const { write, add } = this.ownSettings;
    return { write: consentOf(write), add: consentOf(add) };
  }

  get profile(): Profile {
    const { account, name, avatar, extra } = this.ownProfile ?? noProfile(this.owner.account());
    return { account, name, avatar, extra };
  }

  ready(): Promise<void> {
    if (this.isRead) return Promise.resolve();
    if (this.failure !== undefined) return Promise.reject(this.failure);
    return this.outcome.next();
  }

  /**
   * Signed in, or hinted: reads what has changed since the last time. Never rejects: what could not be read, the next
   * sign-in reads.
   */
  read(): Promise<void> {
    this.isWantedAgain = true;
    this.failure = undefined;
    this.reading ??= this.pages();
    return this.reading;
  }

  /** `ending`: for good. */
  offline(ending?: Error): void {
    this.isRead = false;
    if (ending !== undefined) this.settle(ending);
  }

  /** Takes what has changed, from an answer or a push. */
  learn({ blocks, settings, profile }: Pick<AccountStateResp, "blocks" | "settings" | "profile">): void {
    for (const block of blocks) {
      if (block.version <= (this.blocks.get(block.account)?.version ?? 0n)) continue;
      this.blocks.set(block.account, block);
      this.cached = undefined;
      this.notes.add("blocks");
    }
    if (settings !== undefined && settings.version > this.ownSettings.version) {
      this.ownSettings = settings;
      this.notes.add("settings");
    }
    if (profile !== undefined && profile.version > (this.ownProfile?.version ?? 0n)) {
      this.ownProfile = { ...profile, account: this.owner.account() };
      this.profiles.learn(this.ownProfile);
      this.notes.add("profile");
    }
  }

  async block(account: string, isOn: boolean): Promise<void> {
    const command = isOn ? Command.AccountBlock : Command.AccountUnblock;
    const { version } = await this.owner.ask(command, BlockReq, { account }, AccountStateChange);
    this.learn({ blocks: [{ account, off: !isOn, version }] });
  }

  async setSettings({ write, add }: Partial<AccountSettings>): Promise<void> {
    const request: MessageInit<AccountSettingsReq> = {
      write: write && consentNumbers[write],
      add: add && consentNumbers[add],
    };
    this.learn({
      blocks: [],
      settings: await this.owner.ask(Command.AccountSettings, AccountSettingsReq, request, WireSettings),
    });
  }

  async setProfile(change: ProfileUpdate): Promise<void> {
    await this.owner.ask(Command.AccountSetProfile, ProfileSetReq, change, AccountStateChange);
    // With what another device has set meanwhile.
    await this.read();
  }

  private async pages(): Promise<void> {
    try {
      while (this.isWantedAgain) {
        this.isWantedAgain = false;
        for (let hasMore = true; hasMore;) {
          const request = { sinceVersion: this.version };
          const state = await this.owner.patientAsk(Command.AccountState, AccountStateReq, request, AccountStateResp);
          if (state.version < this.version) this.forget();
          this.learn(state);
          hasMore = state.hasMore && state.version !== this.version;
          this.version = state.version;
        }
      }
      this.isRead = true;
      this.settle();
    } catch (cause) {
      // The next sign-in reads.
      if (!(cause instanceof Disconnected)) this.settle(errorOf(cause));
    }
    // At once: who reads again from now on is not passed over.
    this.reading = undefined;
  }

  /** A backup was restored: versions begin anew. */
  private forget(): void {
    this.blocks.clear();
    this.cached = undefined;
    this.ownSettings = { write: 0, add: 0, version: 0n };
    this.ownProfile = undefined;
    for (const part of ["blocks", "settings", "profile"] as const) this.notes.add(part);
  }

  private settle(failure?: Error): void {
    this.failure = failure;
    this.outcome.settle(failure);
  }
}
