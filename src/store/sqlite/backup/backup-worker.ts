// The entry of the thread that copies, verifies and moves whole files for `roost backup` and `roost restore`. This work
// blocks, and the main thread must show progress and react to signals meanwhile.
//
// In a compiled binary this file is an entry point of its own (see backup-thread.ts).

import { readSync, rmSync, writeSync } from "node:fs";
import { scopedFile } from "../../../base/scoped-file.ts";
import { backUp } from "./backup.ts";
import { StoreUnavailable } from "../../store.ts";
import type { FileAnswer, FileRequest } from "./backup-thread.ts";
import { failureOf } from "../refusal.ts";
import { copyBytes, present, putInPlace, receive, waiting } from "./restore.ts";

declare const self: Worker;

const chunkBytes = 1024 * 1024;

function answer(request: FileRequest): FileAnswer {
  switch (request.kind) {
    case "backUp":
      return {
        kind: "backedUp",
        ...backUp(request.from, request.to, (phase) => self.postMessage({ kind: "phase", phase })),
      };
    case "send":
      send(request.path);
      return { kind: "done" };
    case "spool":
      copyBytes(0, request.to);
      return { kind: "done" };
    case "receive":
      return { kind: "facts", facts: receive(request.from ?? 0, request.to, request.name) };
    case "present":
      return { kind: "present", present: present(request.path, request.lastId) };
    case "putInPlace":
      putInPlace(request.path, request.draft, request.aside);
      return { kind: "done" };
  }
}

/** Writes a file to standard output. Removes it first, so that nothing is left however the process ends. */
function send(path: string): void {
  using file = scopedFile(path, "r");
  rmSync(path);
  const chunk = Buffer.allocUnsafe(chunkBytes);
  for (;;) {
    const read = readSync(file.fd, chunk, 0, chunkBytes, null);
    if (read === 0) return;
    for (let at = 0; at < read;) at += waiting(() => writeSync(1, chunk, at, read - at));
  }
}

function answerOrFailure(request: FileRequest): FileAnswer {
  try {
    return answer(request);
  } catch (error) {
    const sentence = error instanceof StoreUnavailable ? error.message : failureOf(error)?.sentence;
    if (sentence !== undefined) return { kind: "failed", sentence };
    // Errors of the platform, such as ENOSPC, have a code; bugs have none.
    if (error instanceof Error && "code" in error) return { kind: "failed", sentence: error.message };
    return { kind: "bug", stack: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

self.onmessage = (event: MessageEvent<FileRequest>) => self.postMessage(answerOrFailure(event.data));
