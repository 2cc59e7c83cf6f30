// The live list of this account's groups. It is read when somebody first wants it; entries of the log keep it current.

import { groupsPageMax } from "../../base/limits/fixed.ts";
import { Command } from "../../wire/commands.ts";
import { GroupListReq } from "../../wire/gen/messages/group-list-req.ts";
import { GroupListResp } from "../../wire/gen/messages/group-list-resp.ts";
import type { GroupSummary } from "../../wire/gen/messages/group-summary.ts";
import { Disconnected, errorOf } from "../client-errors.ts";
import { Outcome } from "../outcome.ts";
import type { CommunityOwner } from "./community-owner.ts";
import type { GroupFacts, GroupState } from "./community-types.ts";
import { dateOf, roleOf } from "./wire-values.ts";

/** The groups of this account, in an order that does not change, the newest ones last. */
export class GroupList implements Iterable<GroupState> {
  private readonly owner: CommunityOwner;
  /** A group looks different, or is not in the list any more. */
  private readonly note: (id: string) => void;
  /** The list was read, or will not be soon. */
  private readonly done: () => void;
  private states = new Map<string, GroupState>();
  private cached: readonly GroupState[] | undefined;
  private isOnline = false;
  private isRead = false;
  /** Somebody wants the list: it is kept current. */
  private isWanted = false;
  private reading = false;
  private readonly outcome = new Outcome();
  private ending: Error | undefined;

  /** For `GroupBook`: applications take `community.groups`. */
  constructor(owner: CommunityOwner, note: (id: string) => void, done: () => void) {
    this.owner = owner;
    this.note = note;
    this.done = done;
  }

  /** Another array after each change; empty until the list was read. */
  get items(): readonly GroupState[] {
    return (this.cached ??= [...this.states.values()]);
  }

  [Symbol.iterator](): Iterator<GroupState> {
    return this.items[Symbol.iterator]();
  }

  get isReady(): boolean {
    return this.isRead;
  }

  /**
   * Reads the list when it is first called, and resolves when that is done; the list is current from then on. Waits for
   * a connection. Rejects if the server refuses it, or the client has ended.
   */
  ready(): Promise<void> {
    if (this.ending !== undefined) return Promise.reject(this.ending);
    if (this.isRead) return Promise.resolve();
    this.isWanted = true;
    const outcome = this.outcome.next();
    void this.read();
    return outcome;
  }

  get(id: string): GroupState | undefined {
    return this.states.get(id);
  }

  /** Whether what happens to a group now may be missing in what is being read. */
  get isReading(): boolean {
    return this.reading;
  }

  online(): void {
    this.isOnline = true;
    void this.read();
  }

  /** `ending`: for good. */
  offline(ending?: Error): void {
    this.isOnline = false;
    this.ending = ending;
    if (ending !== undefined) this.outcome.settle(ending);
  }

  /** The list may lack something. */
  readAgain(): void {
    this.isRead = false;
    void this.read();
  }

  /** Changes a group that is in the list. */
  change(id: string, facts: Partial<GroupState>): void {
    const state = this.states.get(id);
    if (state !== undefined) this.set({ ...state, ...facts });
  }

  /** A group as the server has it; adds one that the list lacks, unless nobody wants the list. */
  put(facts: GroupFacts): void {
    if (this.isRead) this.set({ alias: "", ...this.states.get(facts.id), ...facts });
  }

  remove(id: string): void {
    if (!this.states.delete(id)) return;
    this.cached = undefined;
    this.note(id);
  }

  private set(state: GroupState): void {
    this.states.set(state.id, state);
    this.cached = undefined;
    this.note(state.id);
  }

  private async read(): Promise<void> {
    if (this.reading || !this.isOnline || !this.isWanted || this.isRead) return;
    this.reading = true;
    try {
      while (!this.isRead) await this.pages();
      this.outcome.settle();
    } catch (cause) {
      // After Disconnected the next sign-in reads; if it was refused, the next call of `ready`.
      if (!(cause instanceof Disconnected)) {
        this.isWanted = false;
        this.outcome.settle(errorOf(cause));
      }
    }
    this.reading = false;
    this.done();
  }

  private async pages(): Promise<void> {
    // False again if the list must be read once more.
    this.isRead = true;
    const found = new Map<string, GroupState>();
    try {
      for (let after = "", hasMore = true; hasMore;) {
        const request = { after, limit: groupsPageMax };
        const page = await this.owner.patientAsk(Command.GroupList, GroupListReq, request, GroupListResp);
        for (const group of page.groups) found.set(group.id, stateOf(group));
        const last = page.groups.at(-1)?.id ?? after;
        hasMore = page.hasMore && last !== after;
        after = last;
      }
    } catch (error) {
      this.isRead = false;
      throw error;
    }
    for (const id of [...this.states.keys(), ...found.keys()]) this.note(id);
    this.states = found;
    this.cached = undefined;
  }
}

function stateOf({ role, mutedUntil, muted: isMuted, ...group }: GroupSummary): GroupState {
  return { ...group, isMuted, role: roleOf(role), mutedUntil: dateOf(mutedUntil) };
}
