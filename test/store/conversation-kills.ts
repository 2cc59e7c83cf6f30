// Runs of random commands by a process that is killed again and again. What was answered is there afterwards; what was
// not is there wholly or not at all: repeating it has to have the same result in the model.

import { join } from "node:path";
import { quietMembersMax } from "../../src/base/limits/fixed.ts";
import type { LogEntry, Store } from "../../src/store/store.ts";
import { firstOfGroups } from "./group-kills.ts";
import type { Random } from "../support/random.ts";
import type { AskedWrite, ChildAnswer } from "./conversation-child.ts";
import { type Command, ConversationRun, targetOf } from "./conversation-run.ts";
import { type DoneWrite, send, type Write } from "./conversation-write.ts";
import type { StorePlace } from "./opened-store.ts";
import { talk } from "./samples.ts";

export interface KillsOptions {
  readonly place: StorePlace & { readonly address: string };
  readonly random: Random;
  readonly kills: number;
  /** Commands of each app in the life of one process, at most. */
  readonly commandsMax: number;
  readonly commandOf: (random: Random) => Command;
  /** Also ends what the store depends on, and begins it again. */
  readonly endStore?: () => Promise<void>;
}

/** What happened. */
export interface KillsFigures {
  kills: number;
  commands: number;
  /** Writes without an answer, and those of them that had been done. */
  unanswered: number;
  done: number;
  /** Cursors that were answered and lost. */
  lostCursors: number;
}

/** Rejects with an Error that says what differed. */
export async function runWithKills(options: KillsOptions): Promise<KillsFigures> {
  const { place, random, kills, endStore } = options;
  const figures = { kills: 0, commands: 0, unanswered: 0, done: 0, lostCursors: 0 };
  const runs = ["one", "two", "three"].map((app) => new ConversationRun(app, { isShared: true }));
  let store = await place.open();
  await store.append([talk({ app: "another" })]);
  for (const run of runs) await run.begin(targetOf(store, run.app));
  for (; figures.kills < kills; figures.kills++) {
    await store.close();
    const unanswered = await liveAndDie(options, runs, figures);
    if (random.once(2)) await endStore?.();
    store = await place.open();
    for (const [run, write] of unanswered) {
      figures.unanswered++;
      if (await settle(store, run, write)) figures.done++;
    }
    for (const run of runs) {
      figures.lostCursors += await moveAgain(store, run);
      await run.end(store);
    }
  }
  await store.close();
  return figures;
}

/** A process does commands of all runs at once, until it is killed. Returns the writes that it did not answer. */
async function liveAndDie(
  { place, random, commandsMax, commandOf }: KillsOptions,
  runs: readonly ConversationRun[],
  figures: KillsFigures,
): Promise<Map<ConversationRun, Write>> {
  const waiting = new Map<string, (done: DoneWrite) => void>();
  const ready = Promise.withResolvers<void>();
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "conversation-child.ts"), place.address], {
    stdout: "inherit",
    stderr: "inherit",
    serialization: "advanced",
    ipc: (told: ChildAnswer) => (told === "ready" ? ready.resolve() : waiting.get(told.app)?.(told.done)),
  });
  const died = child.exited.then(() => undefined);
  await Promise.race([ready.promise, died]);
  if (child.exitCode !== null) throw new Error(`the process ended with ${child.exitCode} before it was killed`);
  const unanswered = new Map<ConversationRun, Write>();
  let left = 1 + random.below(commandsMax * runs.length);
  const work = runs.map(async (run) => {
    while (child.signalCode === null) {
      const { kind, seed } = commandOf(random);
      if (kind === "sync" || kind === "tidy" || kind === "reopen") continue;
      const write = keyed(run.writeOf(kind, random), figures.commands);
      const { promise, resolve } = Promise.withResolvers<DoneWrite>();
      waiting.set(run.app, resolve);
      unanswered.set(run, write);
      child.send({ app: run.app, write } satisfies AskedWrite);
      if (--left === 0) setTimeout(() => child.kill("SIGKILL"), seed % 4);
      const answer = await Promise.race([promise, died]);
      if (answer === undefined) return;
      unanswered.delete(run);
      figures.commands++;
      run.tell(answer);
    }
  });
  try {
    await Promise.all(work);
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
  return unanswered;
}

/** Without a clientId a talk and an edit cannot be repeated. */
export function keyed(write: Write, number: number): Write {
  const clientId = `command ${number}`;
  if (write.method === "append" && write.talk.clientId === "") return { ...write, talk: { ...write.talk, clientId } };
  if (write.method === "change" && write.change.kind === "edit" && write.change.clientId === "")
    return { ...write, change: { ...write.change, clientId } };
  return write;
}

/** Repeats a write and tells the model, as if it had been answered the first time; whether it had been done. */
export async function settle(store: Store, run: ConversationRun, write: Write): Promise<boolean> {
  const { model, app } = run;
  // The log above what is known has the entry of a reaction that was taken back, which repeating it does not tell, and
  // those of groups.
  const log = { app, account: actorOf(write), device: "", includeSent: true, includeEvents: true, limit: 50 };
  const { entries } = await store.entries({ ...log, after: model.lastId });
  const doneBefore = await doneWithoutKey(store, write);
  const done = doneBefore ?? (await send(store, app, write));
  const first = doneBefore ?? (await firstTime(store, run, done, entries));
  run.tell(first ?? done);
  return first !== undefined;
}

/** In whose log the entries of a write are. */
function actorOf(write: Write): string {
  switch (write.method) {
    case "change":
    case "join":
    case "quit":
    case "changeGroup":
    case "pin":
      return write.change.actor;
    case "addMembers":
    case "removeMembers":
      return write.request.actor;
    case "answer":
      return write.answer.actor;
    case "joinInvited":
      return write.account;
    default:
      return "nobody";
  }
}

/** An invitation cannot be repeated: whether there is one already is seen in the list. */
async function doneWithoutKey({ groups }: Store, write: Write): Promise<DoneWrite | undefined> {
  if (write.method !== "invite") return undefined;
  const page = await groups.invitations(write.draft);
  const made = page.result === "found" ? page.items.find(({ code }) => code === write.draft.code) : undefined;
  return made && { ...write, outcome: { result: "stored", invitation: made } };
}

/** What the write must have been answered with, before it was repeated; undefined if it was done only now. */
async function firstTime(
  store: Store,
  { model, app }: ConversationRun,
  done: DoneWrite,
  entries: readonly LogEntry[],
): Promise<DoneWrite | undefined> {
  const last = entries.at(-1);
  switch (done.method) {
    case "append": {
      const { outcome } = done;
      if (outcome.result !== "stored" || !outcome.repeated || model.messages.has(outcome.messageId)) return undefined;
      return { ...done, outcome: { ...outcome, repeated: false, writtenHere: true } };
    }
    case "change": {
      if (done.outcome.result !== "unchanged") return undefined;
      const { entryId, time } = done.outcome.entryId > 0n ? done.outcome : entryOf(last);
      return entryId > model.lastId
        ? { ...done, outcome: model.storedChange(done.change, { entryId, time }) }
        : undefined;
    }
    case "set":
    case "hide": {
      const { outcome } = done;
      if (outcome.result !== "unchanged" || outcome.version <= model.lastId) return undefined;
      return { ...done, outcome: { ...outcome, result: "stored" } };
    }
    case "markRead": {
      const { outcome, mark } = done;
      if (outcome.result !== "unchanged" || mark.messageId <= model.readId(mark.account, mark)) return undefined;
      return { ...done, outcome: { ...outcome, result: "moved" } };
    }
    case "join":
    case "quit": {
      const { method, change, outcome } = done;
      const former = model.groups.get(`@${change.group}`);
      if (
        former === undefined ||
        model.groups.membershipRefusal(method, change) !== undefined ||
        outcome.result !== "unchanged"
      )
        return undefined;
      const now = await store.membership(app, change.group);
      // Of a group that the last member has left nothing is told any more.
      const version = now?.version ?? (await store.entries({ ...nobody, app })).lastId;
      const { sendTime: time } = last ?? { sendTime: 0n };
      const previousEntryId = model.newestEntryBelow(version, `@${change.group}`);
      const isQuiet = former.members.size + (method === "join" ? 1 : -1) > quietMembersMax;
      const entry = store.groups && { entry: { time, previousEntryId, isQuiet } };
      return { ...done, outcome: { result: "changed", versionBefore: former.version, version, ...entry } };
    }
    case "createGroup": {
      const { draft, outcome } = done;
      if (outcome.result !== "created") return undefined;
      // Whom a group was made without, a repetition does not tell.
      const now = await store.membership(app, draft.id);
      const leftOut = draft.members.filter((account) => now?.accounts.includes(account) !== true);
      return leftOut.length === outcome.leftOut.length ? undefined : { ...done, outcome: { ...outcome, leftOut } };
    }
    case "acknowledge":
    case "invite":
    case "markSeen":
      return undefined;
    case "block":
    case "setConsent":
    case "setProfile": {
      const { outcome } = done;
      if (outcome.result !== "unchanged" || outcome.version <= model.lastId) return undefined;
      // The account is made by a block.
      const isNew = done.method === "block" && !model.accounts.has(done.change.blocked) ? { madeAccount: true } : {};
      return { ...done, outcome: { ...outcome, result: "stored", ...isNew } };
    }
    default:
      return firstOfGroups(store, model, done, entries);
  }
}

function entryOf(entry: LogEntry | undefined): { readonly entryId: bigint; readonly time: bigint } {
  return { entryId: entry?.messageId ?? 0n, time: entry?.sendTime ?? 0n };
}

const nobody = {
  account: "nobody",
  device: "",
  after: 0n,
  includeSent: false,
  includeEvents: false,
  limit: 1,
} as const;

/**
 * Moves every cursor of the model again, to where it was, and marks again when accounts were seen: a crash may lose
 * those of the last moments. Returns how many cursors had been lost.
 */
export async function moveAgain(store: Store, { model, app }: ConversationRun): Promise<number> {
  let lost = 0;
  for (const [account, reads] of model.reads) {
    for (const [name, messageId] of reads) {
      const conversation = { toGroup: name.startsWith("@"), dest: name.replace("@", "") };
      const outcome = await store.markRead({ app, account, ...conversation, messageId });
      if (outcome.result === "moved") lost++;
      else if (outcome.result !== "unchanged" || outcome.readId !== messageId)
        throw new Error(`${account}'s cursor of ${name} was at ${messageId}, and is ${JSON.stringify(outcome.result)}`);
    }
  }
  await store.people.markSeen(model.people.seenIn(app));
  return lost;
}
