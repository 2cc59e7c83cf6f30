// What a webhook says of a row of the log, the same for both engines. A text that was edited is the newest one; of what
// was recalled there is none.

import { entryKind } from "./conversations.ts";
import { detailOf } from "./group-entries.ts";
import type { HookEvent, HookRecord } from "./hooks.ts";

/** A message as it is now, with names. */
export interface HookMessage {
  readonly id: bigint;
  readonly app: string;
  readonly sender: string;
  /** The receiver's account, or a group's id. */
  readonly dest: string;
  readonly toGroup: boolean;
  readonly type: number;
  readonly body: string;
  readonly extra: string;
  readonly sentNs: bigint;
  /** Joined by commas; '' if there are none. */
  readonly mentions: string;
  readonly replyTo: bigint;
  readonly isEdited: boolean;
  readonly isRecalled: boolean;
}

/** The data of `message.stored`, as JSON, which has no field that is undefined. */
export interface ShownMessage {
  readonly messageId: string;
  readonly from: string;
  /** One of `to` and `group`. */
  readonly to: string | undefined;
  readonly group: string | undefined;
  readonly type: number;
  readonly body: string;
  readonly extra: string;
  readonly sendTime: string;
  readonly mentions: readonly string[] | undefined;
  readonly replyTo: string | undefined;
  readonly edited: true | undefined;
  readonly recalled: true | undefined;
}

/** An entry that is not a message, with names. */
interface HookEntry {
  readonly id: bigint;
  readonly app: string;
  /** Of `entryKind`. */
  readonly kind: number;
  readonly actor: string;
  /** The actor's partner, or a group's id. */
  readonly dest: string;
  readonly toGroup: boolean;
  readonly atNs: bigint;
  /** The message that it is about, if that still exists. */
  readonly message: HookMessage | undefined;
  readonly refersTo: bigint;
  readonly isOff: boolean;
  readonly accounts: readonly string[];
  readonly count: number;
  readonly value: bigint;
}

/** The names of changes of groups, by kinds of entries. */
const changeNames: ReadonlyMap<number, string> = new Map([
  [entryKind.groupCreated, "created"],
  [entryKind.groupUpdated, "updated"],
  [entryKind.groupJoined, "joined"],
  [entryKind.groupLeft, "left"],
  [entryKind.groupRemoved, "removed"],
  [entryKind.groupRole, "role"],
  [entryKind.groupMuted, "muted"],
  [entryKind.groupTransferred, "transferred"],
  [entryKind.pinned, "pinned"],
  [entryKind.groupDismissed, "dismissed"],
  [entryKind.groupSettings, "settings"],
  [entryKind.groupAlias, "alias"],
]);

/** In the order of the numbers of `GroupField` in proto/pkt.proto. */
const fieldNames = ["name", "avatar", "introduction", "announcement", "closed", "approval", "forAdmins"] as const;

/** The kinds of entries of which endpoints are told. */
export const toldKinds: readonly number[] = [entryKind.edited, entryKind.recalled, ...changeNames.keys()];

export function messageRecord(message: HookMessage): HookRecord {
  const { id, app, sentNs } = message;
  return {
    id,
    event: "message.stored",
    app,
    conversation: conversationOf(message.sender, message),
    atMs: msOf(sentNs),
    data: JSON.stringify(shownMessage(message)),
  };
}

/** Undefined for an entry of which no endpoint is told: a reaction, a pin between two. */
export function entryRecord(entry: HookEntry): HookRecord | undefined {
  const event = eventOf(entry);
  if (event === undefined) return undefined;
  const { id, app, actor, atNs } = entry;
  const data = event === "group.changed" ? shownChange(entry) : shownEdit(entry);
  const conversation = conversationOf(actor, entry);
  return { id, event, app, conversation, atMs: msOf(atNs), data: JSON.stringify(data) };
}

function eventOf({ kind, toGroup }: HookEntry): HookEvent | undefined {
  if (kind === entryKind.edited) return "message.edited";
  if (kind === entryKind.recalled) return "message.recalled";
  return toGroup && changeNames.has(kind) ? "group.changed" : undefined;
}

/** One object of always the same form: with spread operators for what applies it takes half as long again. */
function shownMessage(message: HookMessage): ShownMessage {
  const { id, sender, dest, toGroup, type, body, extra, sentNs, mentions, replyTo, isEdited, isRecalled } = message;
  return {
    messageId: `${id}`,
    from: sender,
    to: toGroup ? undefined : dest,
    group: toGroup ? dest : undefined,
    type,
    body,
    extra,
    sendTime: `${sentNs}`,
    mentions: mentions === "" ? undefined : mentions.split(","),
    replyTo: replyTo === 0n ? undefined : `${replyTo}`,
    edited: isEdited ? true : undefined,
    recalled: isRecalled ? true : undefined,
  };
}

function shownEdit({ actor, dest, toGroup, message, refersTo, atNs }: HookEntry): object {
  const about = message === undefined ? { messageId: `${refersTo}` } : shownMessage(message);
  const place = message !== undefined ? {} : toGroup ? { group: dest } : { to: dest };
  return { ...about, ...place, by: actor, time: `${atNs}` };
}

function shownChange({ actor, dest, kind, accounts, count, value, refersTo, isOff, atNs }: HookEntry): object {
  const { role, until, fields } = detailOf({ kind, accounts, count, value });
  return {
    group: dest,
    change: changeNames.get(kind),
    by: actor,
    time: `${atNs}`,
    ...(count === 0 ? {} : { accounts, count }),
    ...(role === undefined ? {} : { role }),
    ...(until === undefined ? {} : { until: `${until}` }),
    ...(fields === undefined ? {} : { fields: fields.map((field) => fieldNames[field] ?? `${field}`) }),
    ...(refersTo === 0n ? {} : { messageId: `${refersTo}` }),
    ...(isOff ? { off: true } : {}),
  };
}

/** The same text for both sides of a direct conversation; no name has a comma or is empty, and no group's id. */
function conversationOf(account: string, { toGroup, dest }: { readonly toGroup: boolean; readonly dest: string }) {
  if (toGroup) return `,${dest}`;
  return account < dest ? `${account},${dest}` : `${dest},${account}`;
}

function msOf(ns: bigint): number {
  return Number(ns / 1_000_000n);
}
