// Pinned messages of a conversation. A recall and the retention take a pin away without an entry of its own.

import { pinnedMessagesMax } from "../../../base/limits/fixed.ts";
import type { GroupCall } from "../../change-jobs.ts";
import { entryKind } from "../../conversations.ts";
import { rightInGroup } from "../../group-rights.ts";
import type { GroupOutcome } from "../../groups.ts";
import { idMax } from "../../snowflake.ts";
import type { Moment } from "../conversations/moment.ts";
import { messageState } from "../conversations/tables.ts";
import type { GroupParts } from "./group-parts.ts";
import { prepareWindow } from "../member-lookups.ts";
import { storedIn } from "./group-entries.ts";

type PinJob = Extract<GroupCall, { readonly call: "pin" }>;

interface PlaceRow {
  readonly inbox: bigint;
  readonly sender: bigint;
  readonly state: bigint | null;
}

const notFound: GroupOutcome = { result: "notFound" };

/** The key of a conversation in the table of pins; `other`: the partner, or minus the group. */
export function pinKey(account: bigint, other: bigint): readonly [first: bigint, other: bigint] {
  if (other < 0n) return [other, 0n];
  return account < other ? [account, other] : [other, account];
}

export class Pins {
  private readonly parts: GroupParts;
  private readonly sql;

  constructor(parts: GroupParts) {
    this.parts = parts;
    const { db } = parts;
    this.sql = {
      place: db.prepare<PlaceRow, [bigint]>("SELECT inbox, sender, state FROM message WHERE id = ?"),
      window: prepareWindow(db),
      find: db.prepare<{ number: bigint }, [bigint]>("SELECT number FROM pin WHERE message = ?"),
      count: db.prepare<{ count: bigint }, [bigint, bigint]>(
        "SELECT count(*) AS count FROM pin WHERE first = ? AND other = ?",
      ),
      add: db.prepare<null, [bigint, bigint, bigint, bigint, bigint]>(
        "INSERT INTO pin (first, other, message, entry, account) VALUES (?, ?, ?, ?, ?)",
      ),
      drop: db.prepare<null, [bigint]>("DELETE FROM pin WHERE number = ?"),
    };
  }

  pin(job: PinJob, moment: Moment): GroupOutcome {
    const { names, rows, guards, entries } = this.parts;
    const { app, actor: actorName, dest, toGroup, isOff } = job;
    const refersTo = BigInt(job.messageId);
    const actor = names.findAccount(app, actorName);
    const group = toGroup ? rows.find(app, dest) : undefined;
    if (group === null) return notFound;
    if (group !== undefined) {
      const result = rightInGroup("pin", rows.facts(group, app, actorName));
      if (result !== "allowed") return { result };
    }
    const other = group === undefined ? names.findAccount(app, dest) : -group.number;
    const isKept = refersTo > this.parts.clips.of(app);
    if (actor === undefined || other === undefined || !isKept || !this.isReadable(refersTo, actor, other))
      return notFound;
    // Who has a message in common has a conversation.
    if (group === undefined && guards.mayReach(actor, other, "write", true) !== true) return { result: "unwilling" };
    const pinned = this.sql.find.get(refersTo);
    if ((pinned === null) === isOff) return { result: "unchanged" };
    const key = pinKey(actor, other);
    if (!isOff && (this.sql.count.get(...key)?.count ?? 0n) >= BigInt(pinnedMessagesMax))
      return { result: "full", bound: "pinnedMessagesMax" };
    const id = moment.ids.next(moment.wallMs);
    if (pinned === null) this.sql.add.run(...key, refersTo, id, actor);
    else this.sql.drop.run(pinned.number);
    const entry = entries.add(group ?? { number: other, name: dest }, {
      id,
      atNs: moment.atNs,
      kind: entryKind.pinned,
      actor: { number: actor, name: actorName },
      refersTo,
      isOff,
    });
    return storedIn(group ?? { version: 0n }, entry);
  }

  /** A message of this conversation that the account may read and nobody has recalled. */
  private isReadable(id: bigint, actor: bigint, other: bigint): boolean {
    const place = id > 0n && id <= idMax ? this.sql.place.get(id) : null;
    if (place === null || (Number(place.state ?? 0n) & messageState.recalled) !== 0) return false;
    if (other > 0n)
      return (place.inbox === other && place.sender === actor) || (place.inbox === actor && place.sender === other);
    return place.inbox === other && (place.sender === actor || this.sql.window.get(actor, -other, id) !== null);
  }
}
