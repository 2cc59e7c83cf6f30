// roost check for a message file.

import { checkStore, type CheckReport } from "../store/sqlite/check.ts";
import { indexPathOf } from "../store/sqlite/index/index-file.ts";
import type { ReadsReport } from "../store/sqlite/conversations/check-reads.ts";
import { readsPathOf } from "../store/sqlite/conversations/read-file.ts";
import { timeOfId } from "../store/snowflake.ts";
import type { Checked } from "./checked.ts";
import type { Progress } from "./progress.ts";

/** Checks the file and its index. Throws Refusal if it is not a message file, and errors of the system. */
export function checkFile(path: string, progress: Progress): Checked {
  const report = checkStore(path, (what, part) => progress.show(what, part));
  const isFine = report.logProblems.length === 0 && report.index !== "damaged" && report.reads.state !== "damaged";
  const lines = [
    ...logLines(path, report),
    ...indexLines(indexPathOf(path), report),
    ...readsLines(readsPathOf(path), report.reads),
  ];
  return { isFine, lines };
}

function logLines(path: string, { logProblems, messages, firstId, lastId }: CheckReport): string[] {
  if (logProblems.length > 0) {
    return [
      `messages: DAMAGED: ${path}`,
      ...logProblems.map((problem) => `  ${problem}`),
      '  "roost restore" restores a backup; "roost repair --salvage" saves what can still be read',
    ];
  }
  const span = messages === 0 ? "none yet" : `${messages}, from ${timeText(firstId)} to ${timeText(lastId)}`;
  return [`messages: fine: ${path} (${span})`];
}

function indexLines(path: string, report: CheckReport): string[] {
  switch (report.index) {
    case "right": {
      const rest = report.messages - report.indexMessages;
      const more = rest > 0 ? `; the server adds ${rest} newer ones when it starts` : "";
      return [`index: fine: ${path} (${report.indexMessages} messages${more})`];
    }
    case "none":
      return [`index: missing: ${path}; the server rebuilds it from the messages when it starts`];
    case "unchecked":
      return ["index: not checked, because it is built from the messages"];
    case "damaged":
      return [
        `index: DAMAGED: ${path}`,
        ...report.indexProblems.map((problem) => `  ${problem}`),
        '  no message is lost: a running server rebuilds it when it finds the damage; after "roost repair" the next ' +
          "start does",
      ];
  }
}

function readsLines(path: string, { state, marks, problems }: ReadsReport): string[] {
  switch (state) {
    case "right":
      return [`read cursors: fine: ${path} (${marks})`];
    case "none":
      return [`read cursors: none yet: the first makes ${path}; without it, messages count as unread`];
    case "unchecked":
      return ["read cursors: not checked, because they belong to the messages"];
    case "damaged":
      return [
        `read cursors: DAMAGED: ${path}`,
        ...problems.map((problem) => `  ${problem}`),
        '  no message is lost: "roost repair" or the next start saves the cursors that can be read, and messages ' +
          "whose cursors are lost count as unread again",
      ];
  }
}

/** Formats the time in a message id. */
export function timeText(id: bigint): string {
  return new Date(timeOfId(id)).toISOString().slice(0, 19).replace("T", " ");
}
