// The entry of the store threads: a writer, a reader or a compactor, as the first request says. The compactor maintains
// the index and runs checkpoints, in short steps. A thread answers requests one by one; failures of the machine or the
// file become sentences, anything else is a bug.
//
// In a compiled binary this file is an entry point of its own (see store-thread.ts).

import { serialize } from "bun:jsc";
import type { Database } from "bun:sqlite";
import { systemClock } from "../../base/clock.ts";
import { databaseIdentity } from "../../base/open-files.ts";
import { yieldToOthers } from "../../base/thread-priority.ts";
import { checkpoint, checkpointLast } from "./checkpoint.ts";
import { openConnection, openUnlocked } from "./connection.ts";
import { damageOf } from "./damage.ts";
import { sizeOfFiles } from "./store-size.ts";
import { ReadKeeper } from "./conversations/read-keeper.ts";
import { HookReader } from "./hooks/hook-reader.ts";
import type { HookAnswers, HookAsked, HookReadRequest } from "./hooks/requests.ts";
import { indexPathOf } from "./index/index-file.ts";
import { IndexKeeper } from "./index/index-keeper.ts";
import { LogIndex } from "./index/log-index.ts";
import { readerLists, writerLists } from "./index/posting.ts";
import { Ownership, storeName } from "./ownership.ts";
import type { Answer, Request } from "./protocol.ts";
import { MessageCount } from "./purge-slices.ts";
import { Reader } from "./reader.ts";
import { failureOf, type Failure } from "./refusal.ts";
import { proveRoom } from "./room-probe.ts";
import { migrate, refuseEarlier, refuseUnknown } from "./schema.ts";
import { Writer } from "./writer.ts";

declare const self: Worker;

/**
 * The reader's cache: a returning client reads the index and then the contents of the same messages, each of which may
 * be on a page of its own. The second read of 10,000 messages finds their pages in memory.
 */
const cacheKib = { writer: 32 * 1024, reader: 48 * 1024, compactor: 1024, reads: 4 * 1024 } as const;

/**
 * Nobody waits for a merge, and requests wait behind one. A third of a core when all are in demand, with which it keeps
 * up with the fastest writer.
 */
const compactorNiceness = 5;

let db: Database | undefined;
let writer: Writer | undefined;
let reader: Reader | undefined;
let keeper: IndexKeeper | undefined;
let reads: ReadKeeper | undefined;
let counter: MessageCount | undefined;
let hooks: HookReader | undefined;
let logIndex: LogIndex | undefined;
let opening: Extract<Request, { kind: "open" }> | undefined;
/** The identity of the files that the compactor has opened. */
let openedFile = "";

const done: Answer = { kind: "done" };

function open(request: Extract<Request, { kind: "open" }>): Answer {
  const { role, path, synchronous, holder, flushMessages, bounds, claim, unlocked = false } = request;
  const indexPath = indexPathOf(path);
  opening = request;
  const refuseForeign = (opened: Database): void => refuseUnknown(opened, path);
  db = unlocked
    ? openUnlocked(path, cacheKib[role])
    : openConnection({ path, synchronous, cacheKib: cacheKib[role], refuseForeign });
  switch (role) {
    case "compactor":
      yieldToOthers(compactorNiceness);
      migrate(db, path);
      // What has been read has made the files beside it.
      openedFile = databaseIdentity(path);
      keeper = new IndexKeeper(db, { path: indexPath, holder, flushMessages }, systemClock);
      break;
    case "writer": {
      db.run("PRAGMA busy_timeout = 0");
      logIndex = new LogIndex(db, indexPath, writerLists);
      const ownership = new Ownership(db, storeName(path), claim);
      writer = new Writer(db, path, logIndex, holder, systemClock, bounds, ownership);
      writer.renew();
      if (ownership.claimed !== undefined) return { kind: "opened", ...ownership.claimed };
      break;
    }
    case "reader":
      db.run("PRAGMA query_only = 1");
      logIndex = new LogIndex(db, indexPath, readerLists, undefined, unlocked);
      logIndex.isIncomplete = request.isIndexIncomplete ?? false;
      reader = new Reader(db, path, logIndex, new Ownership(db, storeName(path), claim));
      break;
    case "reads": {
      db.run("PRAGMA query_only = 1");
      reads = new ReadKeeper(path, db);
      return { kind: "read", outcomes: [], repaired: reads.takeRepaired() };
    }
  }
  return done;
}

function close(): Answer {
  try {
    writer?.release();
    // Leaves an empty write-ahead log if no other process uses it.
    if (writer !== undefined) db?.run("PRAGMA wal_checkpoint(TRUNCATE)");
    keeper?.close();
    reads?.checkpoint();
  } finally {
    leave();
  }
  return done;
}

/** Closes what can be closed now; the end of the thread closes the rest. */
function leave(): Answer {
  logIndex?.close();
  keeper?.leave();
  reader?.closeReads();
  reads?.close();
  db?.close();
  db = undefined;
  writer = undefined;
  reader = undefined;
  keeper = undefined;
  reads = undefined;
  counter = undefined;
  hooks = undefined;
  logIndex = undefined;
  return done;
}

function answer(request: Request): Answer {
  if (request.kind === "open") return open(request);
  if (request.kind === "close") return close();
  if (request.kind === "leave") return leave();
  if (request.kind === "claim") {
    writer?.claimAs(request.fingerprints);
    reader?.claimAs(request.fingerprints);
    return done;
  }
  if (request.kind === "reopenIndex" && logIndex !== undefined) {
    logIndex.close();
    reader?.closeReads();
    writer?.indexReopened(request.isReplaced);
    return done;
  }
  const answered =
    (db !== undefined && keeper !== undefined ? compactorAnswer(request, db, keeper) : undefined) ??
    (db !== undefined && writer !== undefined ? writerAnswer(request, db, writer) : undefined) ??
    (reader !== undefined ? readerAnswer(request, reader) : undefined) ??
    (reads !== undefined ? readsAnswer(request, reads) : undefined);
  if (answered === undefined) throw new Error(`this thread does not answer ${request.kind}`);
  return answered;
}

function readsAnswer(request: Request, to: ReadKeeper): Answer | undefined {
  switch (request.kind) {
    case "reads":
      return { kind: "read", outcomes: to.move(request.jobs), repaired: to.takeRepaired() };
    case "seen":
      to.markSeen(request.marks);
      return { kind: "read", outcomes: [], repaired: to.takeRepaired() };
    case "forgetReads":
      to.forget(BigInt(request.account));
      return { kind: "read", outcomes: [], repaired: to.takeRepaired() };
    default:
      return undefined;
  }
}

function compactorAnswer(request: Request, log: Database, index: IndexKeeper): Answer | undefined {
  switch (request.kind) {
    case "checkpoint":
      return { kind: "more", more: checkpoint(log) };
    case "compact":
      return { kind: "compacted", more: index.compact(), isLate: index.isLate };
    case "catchUp":
      return { kind: "caughtUp", ...index.catchUp() };
    case "rebuild":
      index.rebuild();
      return done;
    case "removeEarlier":
      index.removeEarlier();
      return done;
    case "size":
      return {
        kind: "size",
        size: opening === undefined ? undefined : sizeOfFiles(opening.path, systemClock.wallMs()),
      };
    case "hookRead":
      return { kind: "hookRead", serialized: serialize(hookAnswer(request.question, log)) };
    case "count": {
      counter ??= new MessageCount(log);
      const { messages, last } = counter.count(BigInt(request.above), BigInt(request.upTo), request.rowsMax);
      return { kind: "counted", messages, last: `${last}` };
    }
    default:
      return undefined;
  }
}

function hookAnswer(question: HookReadRequest, log: Database): HookAnswers[HookAsked] {
  if (question.ask === "file") return { path: opening?.path ?? "", identity: openedFile };
  hooks ??= new HookReader(log);
  return hooks.answer(question);
}

function writerAnswer(request: Request, log: Database, to: Writer): Answer | undefined {
  switch (request.kind) {
    case "checkpoint":
      checkpointLast(log);
      return done;
    case "batch":
      return {
        kind: "numbers",
        numbers: to.commit(request.jobs, request.saves),
        texts: "",
        needsPairs: to.needsPairs,
        forgotten: to.forgotten,
        ...(request.saves === undefined ? {} : { areSaved: to.areSaved }),
      };
    case "changes":
      return { kind: "changed", results: to.commitChanges(request.jobs) };
    case "renew":
      if (request.proof && opening !== undefined) proveRoom(opening.path, opening.holder);
      return { kind: "renewed", aheadMs: to.renew(), forgotten: to.forgotten };
    case "own":
      to.setOwners(request.fingerprints);
      return done;
    case "backEndWrite":
      return { kind: "backEnd", answer: to.backEnd(request.call) };
    case "guard":
      to.guard();
      return done;
    case "look": {
      const { aheadMs, waitMs, goneUpTo, wallMs } = to.look(request.keepMs);
      return { kind: "looked", aheadMs, waitMs, goneUpTo: `${goneUpTo}`, wallMs };
    }
    case "purge":
      return { kind: "more", more: to.purge() };
    default:
      return undefined;
  }
}

function readerAnswer(request: Request, from: Reader): Answer | undefined {
  switch (request.kind) {
    case "follow":
      from.follow();
      return done;
    case "index": {
      const { numbers, texts } = from.index(request);
      return { kind: "numbers", numbers, texts: JSON.stringify(texts) };
    }
    case "contents":
      return { kind: "contents", encoded: from.contents(request) };
    case "entries":
      return { kind: "entries", page: from.entries(request) };
    case "history": {
      const encoded = from.history(request);
      return encoded === undefined ? { kind: "none" } : { kind: "contents", encoded };
    }
    case "messages":
      return { kind: "contents", encoded: from.messages(request) };
    case "conversations":
      return { kind: "contents", encoded: from.conversations(request) };
    case "activity":
      return { kind: "activity", activityId: from.activity(request) };
    case "accountState": {
      const { app, account, since, limit } = request;
      return { kind: "accountState", state: from.accountState(app, account, BigInt(since), limit) };
    }
    case "readers":
      return { kind: "readers", answer: from.readers(request, systemClock.wallNs()) };
    case "people":
      return { kind: "people", answer: from.people(request.question, systemClock.wallMs()) };
    case "pinned": {
      const encoded = from.pinned(request);
      return encoded === undefined ? { kind: "none" } : { kind: "contents", encoded };
    }
    case "detail":
      return { kind: "detail", answer: from.detail(request.app, request.group, request.asker) };
    case "membership": {
      const found = from.membership(
        request.app,
        request.group,
        request.since === undefined ? undefined : BigInt(request.since),
      );
      if (found === undefined) return { kind: "none" };
      return { kind: "membership", membership: { ...found, accounts: JSON.stringify(found.accounts) } };
    }
    case "backEndRead":
      return { kind: "backEnd", answer: from.backEnd(request.call, systemClock.wallMs()) };
    default:
      return undefined;
  }
}

/** The failure of what looks like damage, if a store of an earlier schema was put into the open file. */
function movedOf(log: Database): Failure | undefined {
  try {
    refuseEarlier(log);
    return undefined;
  } catch (error) {
    const failure = failureOf(error);
    return failure?.fault === "moved" ? failure : undefined;
  }
}

function answerOrFailure(text: string): Answer {
  try {
    const request: Request = JSON.parse(text);
    return answer(request);
  } catch (error) {
    const failure = failureOf(error);
    if (failure?.fault === "log" && db !== undefined) return { kind: "failed", ...(movedOf(db) ?? failure) };
    if (failure !== undefined) return { kind: "failed", ...failure };
    // Damaged content also causes errors that look like bugs.
    const damage = db === undefined ? undefined : damageOf(db);
    if (damage !== undefined) return { kind: "failed", sentence: damage, fault: "log" };
    return {
      kind: "bug",
      stack: error instanceof Error ? (error.stack ?? error.message) : String(error),
    };
  }
}

/** The buffers of an answer, which are transferred without a copy. */
function buffersOf(message: Answer): ArrayBuffer[] {
  if (message.kind === "numbers") return [message.numbers.buffer];
  return message.kind === "contents" ? [message.encoded.buffer] : [];
}

self.onmessage = (event: MessageEvent<string>) => {
  const message = answerOrFailure(event.data);
  self.postMessage(message, buffersOf(message));
};
