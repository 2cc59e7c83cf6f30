// roost check, for messages in a file.

import { checkStore, type CheckReport } from "../store/sqlite/check.ts";
import { indexPathOf } from "../store/sqlite/index/index-file.ts";
import { timeOfId } from "../store/snowflake.ts";
import type { Checked } from "./checked.ts";
import type { Progress } from "./progress.ts";

/** Throws Refusal for a file that is none of ours, and what the system says. */
export function checkFile(path: string, progress: Progress): Checked {
  const report = checkStore(path, (what, part) => progress.show(what, part));
  const isFine = report.logProblems.length === 0 && report.index !== "damaged";
  return { isFine, lines: [...logLines(path, report), ...indexLines(indexPathOf(path), report)] };
}

function logLines(path: string, { logProblems, messages, firstId, lastId }: CheckReport): string[] {
  if (logProblems.length > 0) {
    return [
      `messages: DAMAGED: ${path}`,
      ...logProblems.map((problem) => `  ${problem}`),
      '  "roost restore" puts a backup back; "roost repair --salvage" saves what can still be read',
    ];
  }
  const span = messages === 0 ? "none yet" : `${messages}, of ${timeText(firstId)} to ${timeText(lastId)}`;
  return [`messages: fine: ${path} (${span})`];
}

function indexLines(path: string, report: CheckReport): string[] {
  switch (report.index) {
    case "right": {
      const rest = report.messages - report.indexMessages;
      const told = rest > 0 ? `, and ${rest} newer ones are read when the server starts` : "";
      return [`index: fine: ${path} (${report.indexMessages} messages are found by it${told})`];
    }
    case "none":
      return [`index: none that belongs to these messages; the next start makes it: ${path}`];
    case "unchecked":
      return ["index: not checked: it is made from the messages"];
    case "damaged":
      return [
        `index: DAMAGED: ${path}`,
        ...report.indexProblems.map((problem) => `  ${problem}`),
        '  no message is lost: a running server makes it again when it meets the damage; "roost repair" has the ' +
          "next start do so",
      ];
  }
}

/** When a message was stored, as its id says. */
export function timeText(id: bigint): string {
  return new Date(timeOfId(id)).toISOString().slice(0, 19).replace("T", " ");
}
