// What the tests of groups and people ask of a store that has them.

import { fromBinary } from "@bufbuild/protobuf";
import type { SettingOutcome } from "../../src/store/conversations.ts";
import type { GroupChange, GroupOutcome, GroupStore, OfGroup, StoredEntry } from "../../src/store/groups.ts";
import type { PeopleStore } from "../../src/store/people.ts";
import { HistoryRespSchema } from "../../src/wire/gen/pkt_pb.ts";
import { named } from "./conversation-asks.ts";
import type { OpenedStore } from "./opened-store.ts";
import { draft, ofTest } from "./samples.ts";

type Stored = Extract<GroupOutcome, { readonly result: "stored" }>;
/** A change by `actor` of the group g1. */
type Change = GroupChange extends infer Each
  ? Each extends OfGroup
    ? Omit<Each, "app" | "group" | "actor">
    : never
  : never;

export class GroupAsks {
  readonly opened: OpenedStore;

  constructor(opened: OpenedStore) {
    this.opened = opened;
  }

  get groups(): GroupStore {
    return this.opened.store.groups;
  }

  get people(): PeopleStore {
    return this.opened.store.people;
  }

  /** The group g1 of ann, with these members; its version. */
  readonly made = async (...members: readonly string[]): Promise<bigint> => {
    const outcome = await this.opened.store.createGroup(draft({ members }));
    if (outcome.result !== "created") throw new Error(`expected created, got ${outcome.result}`);
    return outcome.version;
  };

  readonly by = (actor: string, group = "g1"): OfGroup => ({ app: ofTest.app, group, actor });

  readonly change = (actor: string, change: Change): Promise<GroupOutcome> =>
    this.groups.change({ ...this.by(actor), ...change });

  readonly result = async (actor: string, change: Change): Promise<string> => (await this.change(actor, change)).result;

  readonly admin = (account: string): Promise<GroupOutcome> =>
    this.change("ann", { kind: "role", account, role: "admin" });

  readonly pin = (actor: string, to: string, messageId: bigint, isOff = false): Promise<GroupOutcome> =>
    this.groups.pin({ app: ofTest.app, actor, ...named(to), messageId, isOff });

  /** The ids of the pinned messages. */
  readonly pinned = async (account: string, to: string): Promise<readonly bigint[] | "notFound"> => {
    const body = await this.groups.pinned({ app: ofTest.app, account, ...named(to) });
    return body === "notFound" ? body : fromBinary(HistoryRespSchema, body).messages.map(({ messageId }) => messageId);
  };

  readonly members = (asker: string, change: Partial<Parameters<GroupStore["members"]>[0]> = {}) =>
    this.groups.members({
      app: ofTest.app,
      group: "g1",
      asker,
      after: "",
      limit: 50,
      isAdminsOnly: false,
      ...change,
    });

  /** The accounts of a page of members, or why there is none. */
  readonly names = async (...query: Parameters<GroupAsks["members"]>): Promise<readonly string[] | string> => {
    const page = await this.members(...query);
    return page.result === "found" ? page.items.map(({ account }) => account) : page.result;
  };

  readonly block = (account: string, blocked: string, isOff = false): ReturnType<PeopleStore["block"]> =>
    this.people.block({ app: ofTest.app, account, blocked, isOff });
}

export function storedOf(outcome: GroupOutcome): Stored {
  if (outcome.result !== "stored") throw new Error(`expected stored, got ${outcome.result}`);
  return outcome;
}

/** The only entry of a change. */
export function entryOf(outcome: GroupOutcome): StoredEntry {
  const { entries } = storedOf(outcome);
  const [entry] = entries;
  if (entry === undefined || entries.length !== 1) throw new Error(`expected one entry, got ${entries.length}`);
  return entry;
}

export function versionIn(outcome: SettingOutcome): bigint {
  if (outcome.result !== "stored") throw new Error(`expected stored, got ${outcome.result}`);
  return outcome.version;
}
