// The entry of the store's threads: a writer, a reader or a checkpointer, as its first request says. It answers
// requests one by one; what the machine or the file does wrong becomes a sentence, anything else is a bug.
//
// In a compiled binary this file is an entry point of its own (see worker-line.ts).

import type { Database } from "bun:sqlite";
import { systemClock } from "../../base/clock.ts";
import { checkpoint, checkpointLast } from "./checkpoint.ts";
import { openConnection } from "./connection.ts";
import type { Answer, Request } from "./protocol.ts";
import { Reader } from "./reader.ts";
import { failureSentence } from "./refusal.ts";
import { migrate } from "./schema.ts";
import { Writer } from "./writer.ts";

declare const self: Worker;

let db: Database | undefined;
let writer: Writer | undefined;
let reader: Reader | undefined;

const done: Answer = { kind: "done" };

function open(request: Extract<Request, { kind: "open" }>): Answer {
  const cacheKib = { writer: 32 * 1024, reader: 16 * 1024, checkpointer: 256 }[request.role];
  db = openConnection({ path: request.path, synchronous: request.synchronous, cacheKib });
  if (request.role === "writer") {
    migrate(db, request.path);
    db.run("PRAGMA busy_timeout = 0");
    writer = new Writer(db, request.path, request.holder, systemClock);
    writer.renew();
  } else if (request.role === "reader") {
    db.run("PRAGMA query_only = 1");
    reader = new Reader(db, systemClock);
  }
  return done;
}

function close(): Answer {
  try {
    writer?.release();
    // Leaves an empty log behind where no other process is at work.
    if (writer !== undefined) db?.run("PRAGMA wal_checkpoint(TRUNCATE)");
  } finally {
    db?.close();
    db = undefined;
    writer = undefined;
    reader = undefined;
  }
  return done;
}

function answer(request: Request): Answer {
  if (request.kind === "open") return open(request);
  if (request.kind === "close") return close();
  if (request.kind === "checkpoint" && db !== undefined) {
    if (writer === undefined) return { kind: "more", more: checkpoint(db) };
    checkpointLast(db);
    return done;
  }
  if (writer !== undefined) {
    switch (request.kind) {
      case "batch":
        return { kind: "numbers", numbers: writer.commit(request.jobs), texts: "" };
      case "renew":
        writer.renew();
        return done;
      case "purge":
        return { kind: "more", more: writer.purge(request.keepMs) };
    }
  }
  if (reader !== undefined) {
    switch (request.kind) {
      case "index": {
        const { numbers, texts } = reader.index(request);
        return { kind: "numbers", numbers, texts: JSON.stringify(texts) };
      }
      case "contents":
        return { kind: "contents", found: JSON.stringify(reader.contents(request)) };
      case "detail":
        return { kind: "detail", answer: reader.detail(request.app, request.group, request.asker) };
      case "membership": {
        const found = reader.membership(request.app, request.group);
        if (found === undefined) return { kind: "none" };
        return {
          kind: "membership",
          version: found.version,
          accounts: JSON.stringify(found.accounts),
        };
      }
    }
  }
  throw new Error(`this thread does not answer ${request.kind}`);
}

function answerOrFailure(text: string): Answer {
  try {
    const request: Request = JSON.parse(text);
    return answer(request);
  } catch (error) {
    const sentence = failureSentence(error);
    if (sentence !== undefined) return { kind: "failed", sentence };
    return {
      kind: "bug",
      stack: error instanceof Error ? (error.stack ?? error.message) : String(error),
    };
  }
}

self.onmessage = (event: MessageEvent<string>) => {
  const message = answerOrFailure(event.data);
  const transfer = message.kind === "numbers" ? [message.numbers.buffer] : [];
  self.postMessage(message, transfer);
};
