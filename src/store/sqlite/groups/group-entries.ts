// Writes the entries of groups into the log, inside the writer's transaction.

import type { Database } from "bun:sqlite";
import { entryAccountsMax } from "../../../base/limits/fixed.ts";
import { detailOf } from "../../group-entries.ts";
import type { GroupOutcome, StoredEntry } from "../../groups.ts";
import type { EntryIds } from "../conversations/entry-ids.ts";
import type { Account, GroupRow } from "./group-rows.ts";

interface EntryDraft {
  readonly id: bigint;
  readonly atNs: bigint;
  readonly kind: number;
  readonly actor: Account;
  /** Whom it concerns, at least the first `entryAccountsMax` of `count`. */
  readonly accounts?: readonly Account[];
  readonly count?: number;
  /** See StoredDetail. */
  readonly value?: bigint;
  readonly refersTo?: bigint;
  readonly isOff?: boolean;
  readonly isQuiet?: boolean;
}

export class GroupEntries {
  private readonly entryIds: EntryIds;
  private readonly insert;

  constructor(db: Database, entryIds: EntryIds) {
    this.entryIds = entryIds;
    this.insert = db.prepare<
      null,
      [bigint, number, bigint, bigint, bigint, bigint, number, string | null, number, bigint, number]
    >(
      `INSERT INTO entry (id, kind, inbox, actor, refers, at_ns, reaction, is_off, accounts, count, value, quiet)
       VALUES (?, ?, ?, ?, ?, ?, '', ?, ?, ?, ?, ?)`,
    );
  }

  /** In the log of a group, or of the actor's partner in a direct conversation. */
  add(place: GroupRow | Account, draft: EntryDraft): StoredEntry {
    const { id, atNs, kind, actor, accounts = [], value = 0n, refersTo = 0n, isOff = false, isQuiet = false } = draft;
    const { count = accounts.length } = draft;
    const named = accounts.slice(0, entryAccountsMax);
    const isGroup = "owner" in place;
    const inbox = isGroup ? -place.number : place.number;
    const numbers = named.length === 0 ? null : named.map(({ number }) => number).join(",");
    const previousEntryId = this.entryIds.newestIn(inbox);
    this.insert.run(
      id,
      kind,
      inbox,
      actor.number,
      refersTo,
      atNs,
      Number(isOff),
      numbers,
      count,
      value,
      Number(isQuiet),
    );
    this.entryIds.add(inbox, id, isQuiet);
    return {
      entry: {
        entryId: id,
        kind,
        refersTo,
        actor: actor.name,
        time: atNs,
        account: isGroup ? "" : place.name,
        group: isGroup ? place.id : "",
        reaction: "",
        isOff,
        detail: detailOf({ kind, accounts: named.map(({ name }) => name), count, value }),
      },
      previousEntryId,
      isQuiet,
    };
  }
}

type Stored = Extract<GroupOutcome, { readonly result: "stored" }>;

/** The outcome of a change that left the membership as it was. */
export function storedIn({ version }: Pick<GroupRow, "version">, ...entries: readonly StoredEntry[]): Stored {
  return { result: "stored", entries, versionBefore: version, version };
}
