// What a call of groups must have been answered with by a process that was killed, before it was repeated: by the log,
// which has the entries that it wrote, and by what is there now.

import { quietMembersMax } from "../../src/base/limits/fixed.ts";
import { entryKind } from "../../src/store/conversations.ts";
import type { GroupOutcome, StoredEntry } from "../../src/store/groups.ts";
import type { LogEntry, Store } from "../../src/store/store.ts";
import type { ConversationModel } from "./conversation-model.ts";
import type { DoneWrite, WriteOf } from "./conversation-write.ts";
import { adminsOf } from "./model-group-writes.ts";

type Call = Extract<
  DoneWrite,
  WriteOf<
    | "changeGroup"
    | "addMembers"
    | "removeMembers"
    | "joinInvited"
    | "revoke"
    | "request"
    | "withdraw"
    | "answer"
    | "pin"
  >
>;
type Stored = Extract<GroupOutcome, { readonly result: "stored" }>;

/** `entries`: above what the model knows, of the actor; undefined if nothing was done before. */
export async function firstOfGroups(
  { groups }: Store,
  model: ConversationModel,
  done: Call,
  entries: readonly LogEntry[],
): Promise<DoneWrite | undefined> {
  const [one] = outcomesOf(model, done, entries);
  switch (done.method) {
    case "changeGroup": {
      if (one === undefined) return undefined;
      const all = outcomesOf(model, done, entries).flatMap((outcome) => outcome.entries);
      return { ...done, outcome: { ...one, entries: all } };
    }
    case "pin":
      return one && { ...done, outcome: one };
    case "addMembers": {
      const before = outcomesOf(model, done, entries);
      const { outcomes } = done.outcome;
      return before.length > 0
        ? { ...done, outcome: { ...done.outcome, outcomes: [...before, ...outcomes] } }
        : undefined;
    }
    case "removeMembers": {
      const before = outcomesOf(model, done, entries);
      return before.length > 0 ? { ...done, outcome: [...before, ...done.outcome] } : undefined;
    }
    case "joinInvited":
      return one && { ...done, outcome: { ...one, group: one.entries[0]?.entry.group ?? "" } };
    case "revoke": {
      const isKnown = model.groups.get(`@${done.of.group}`)?.invitations.has(done.code) === true;
      return done.outcome.result === "unchanged" && isKnown ? { ...done, outcome: { result: "stored" } } : undefined;
    }
    case "request": {
      const group = model.groups.get(`@${done.request.group}`);
      const { app, actor, group: id } = done.request;
      if (group === undefined || done.outcome.result !== "unchanged" || group.requests.has(actor)) return undefined;
      if (group.members.has(actor)) return undefined;
      const page = await groups?.requests({ app, group: id, actor: group.owner }, "", 200);
      const mine = page?.result === "found" ? page.items.find(({ account }) => account === actor) : undefined;
      return mine && { ...done, outcome: { result: "stored", admins: adminsOf(group), time: mine.time } };
    }
    case "withdraw": {
      const group = model.groups.get(`@${done.of.group}`);
      if (group === undefined || done.outcome.result !== "unchanged" || !group.requests.has(done.of.actor))
        return undefined;
      return { ...done, outcome: { result: "stored", admins: adminsOf(group) } };
    }
    case "answer": {
      if (done.answer.isAccepted) return one && { ...done, outcome: one };
      const group = model.groups.get(`@${done.answer.group}`);
      const isKnown = group?.requests.has(done.answer.account) === true;
      if (!isKnown || done.outcome.result !== "notFound" || model.groups.refusal("answer", done.answer) !== undefined)
        return undefined;
      return {
        ...done,
        outcome: { result: "stored", entries: [], versionBefore: group.version, version: group.version },
      };
    }
  }
}

/** An outcome for each entry, as it had to be told. */
function outcomesOf(model: ConversationModel, done: Call, entries: readonly LogEntry[]): Stored[] {
  const found = entries.filter(({ kind }) => kind >= entryKind.groupCreated);
  const inbox = (entry: LogEntry): string => (entry.group === "" ? entry.otherAccount : `@${entry.group}`);
  let version: bigint | undefined;
  let size: number | undefined;
  let previous: bigint | undefined;
  return found.map((entry): Stored => {
    const { kind, messageId: entryId, detail = { accounts: [], count: 0 } } = entry;
    const group = model.groups.get(inbox(entry));
    const versionBefore = version ?? group?.version ?? 0n;
    size ??= group?.members.size ?? 0;
    if (kind === entryKind.groupJoined) size += detail.count;
    if (kind === entryKind.groupRemoved) size -= detail.count;
    const isMove = kind === entryKind.groupJoined || kind === entryKind.groupRemoved;
    const isQuiet = isMove && size > quietMembersMax;
    const moves = isMove || kind === entryKind.groupDismissed;
    version = moves ? entryId : versionBefore;
    const previousEntryId = previous ?? model.newestEntryBelow(entryId, inbox(entry));
    if (!isQuiet) previous = entryId;
    else previous ??= previousEntryId;
    const { refersTo, sendTime: time, reaction, isOff } = entry;
    const place = entry.group === "" ? { account: entry.otherAccount, group: "" } : { account: "", group: entry.group };
    const told: StoredEntry["entry"] = {
      ...{ entryId, kind, refersTo, time, reaction, isOff, detail, ...place },
      actor: actorOf(done),
    };
    return { result: "stored", entries: [{ entry: told, previousEntryId, isQuiet }], versionBefore, version };
  });
}

function actorOf(done: Call): string {
  switch (done.method) {
    case "changeGroup":
    case "pin":
      return done.change.actor;
    case "addMembers":
    case "removeMembers":
    case "request":
      return done.request.actor;
    case "joinInvited":
      return done.account;
    case "revoke":
    case "withdraw":
      return done.of.actor;
    case "answer":
      return done.answer.actor;
  }
}
