// roost repair: repairs a damaged store that no server uses. It removes a damaged index, which the next start rebuilds
// from the messages, and saves what can be read of a damaged file of read cursors. With --salvage it saves what can be
// read of damaged messages into a new file, and keeps the old one under another name.

import { existsSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import { checkStore } from "../store/sqlite/check.ts";
import { openConnection } from "../store/sqlite/connection.ts";
import { repairReads } from "../store/sqlite/conversations/read-repair.ts";
import { indexPathOf, removeIndex } from "../store/sqlite/index/index-file.ts";
import { failureOf } from "../store/sqlite/refusal.ts";
import { damagedStem, freshAside, putInPlace, sync, undoHalfSwap } from "../store/sqlite/backup/restore.ts";
import {
  refuseNoRoom,
  removeSalvaged,
  salvage,
  salvageBytes,
  verifySalvaged,
  type SalvageReport,
} from "../store/sqlite/salvage/salvage.ts";
import type { TableReport } from "../store/sqlite/salvage/table-copy.ts";
import { printLines } from "./command-output.ts";
import { timeText } from "./check-sqlite.ts";
import { lockDataFolder, lockStore, makeDataFolder } from "./data-folder.ts";
import { codeOf } from "./failure.ts";
import type { OptionValues } from "./option-values.ts";
import { Progress } from "./progress.ts";
import { storePlaceOf } from "./store-place.ts";
import { counted } from "./text-table.ts";
import { StartError } from "./usage-error.ts";

/** Left free on the disk, where the server must be able to start. */
const spareBytes = 16 * 1024 * 1024;

/** Repairs the store that the options name. Throws StartError, UsageError. */
export function repair(values: OptionValues): Promise<void> {
  const place = storePlaceOf(values);
  if (place.kind === "postgres")
    throw new StartError("roost repair works on sqlite:PATH only; restore a damaged PostgreSQL store from a backup");
  const { path, folder } = place;
  if (!existsSync(path)) throw new StartError(`there is no store at ${path}`);
  const unlock: (() => void)[] = [];
  const progress = new Progress();
  try {
    if (folder !== undefined) unlock.push(lockDataFolder(makeDataFolder(folder).path));
    unlock.push(lockStore(path, "alone"));
    const lines = values.required("salvage") ? salvageFile(path, progress) : repairIndex(path, progress);
    progress.clear();
    void printLines(lines);
  } catch (error) {
    progress.clear();
    const failure = failureOf(error);
    if (failure === undefined) throw error;
    const isLocked = codeOf(error).startsWith("SQLITE_BUSY");
    const what = isLocked ? `another program is writing to ${path}; stop it first: ` : "";
    throw new StartError(`nothing was repaired: ${what}${failure.sentence}`);
  } finally {
    for (const free of unlock.toReversed()) free();
  }
  return Promise.resolve();
}

function repairIndex(path: string, progress: Progress): string[] {
  const report = checkStore(path, (what, part) => progress.show(what, part));
  const [problem] = report.logProblems;
  if (problem !== undefined) {
    throw new StartError(
      `the messages in ${path} are damaged (${problem}): restore a backup with roost restore, or save what ` +
        "can be read with roost repair --salvage",
    );
  }
  const lines: string[] = [];
  const indexPath = indexPathOf(path);
  if (report.index === "damaged") {
    removeIndex(indexPath);
    lines.push(
      `the damaged index ${indexPath} was removed; the next start rebuilds it from the messages; none is lost`,
    );
  }
  if (report.reads.state === "damaged") lines.push(repairReadsOf(path));
  if (lines.length > 0) return lines;
  return report.index === "right"
    ? [`nothing to repair: ${path} and ${indexPath} are not damaged`]
    : [`nothing to repair: ${path} is not damaged, and the next start builds its index`];
}

function repairReadsOf(path: string): string {
  const log = openConnection({ path, synchronous: "FULL", cacheKib: 1024 });
  try {
    const { saved, isWhole, aside } = repairReads(path, log);
    const what = isWhole ? "" : "; messages whose cursors are lost count as unread again";
    return `${counted(saved, "read cursor")} saved${what}; the damaged file is kept as ${aside}`;
  } finally {
    log.close();
  }
}

function salvageFile(path: string, progress: Progress): string[] {
  undoHalfSwap(path);
  const { bavail, bsize } = statfsSync(dirname(path));
  refuseNoRoom(dirname(path), bavail * bsize, salvageBytes(path) + spareBytes);
  // The lock makes a fixed name safe: the file of an interrupted run is overwritten.
  const draft = `${path}.salvaging`;
  try {
    const report = salvage(path, draft, (table) => progress.show(`saving ${table}`));
    progress.show("verifying the new file");
    verifySalvaged(draft);
    sync(draft);
    const aside = freshAside(path + damagedStem);
    putInPlace(path, draft, aside);
    return [...linesOf(report), `the damaged file is kept as ${aside}; the next start builds the index of the new one`];
  } finally {
    removeSalvaged(draft);
  }
}

function linesOf({ tables, nameless, dropped, notFound, hasAllReads }: SalvageReport): string[] {
  const lines: string[] = [];
  if (notFound !== undefined) lines.push("the schema could not be read; the tables were found by their rows");
  if (notFound !== undefined && notFound.length > 0)
    lines.push(`not found: ${notFound.join(", ")}; each of these tables was lost or empty`);
  const messages = tables.find(({ table }) => table === "message");
  if (messages !== undefined) {
    lines.push(`messages: ${messages.rows} saved${messages.invalid > 0 ? `, ${messages.invalid} invalid` : ""}`);
    if (messages.invalidKeys.length > 0) lines.push(invalidLine(messages));
    if (messages.found > 0) lines.push(`  ${messages.found} of them were found on pages to which nothing leads`);
    const what = messages.found > 0 ? "lost, but for those that were found: " : "lost: all ";
    for (const { from, to } of messages.gaps)
      lines.push(`  ${what}messages with ids ${from} to ${to} (${timeText(from)} to ${timeText(to)})`);
  }
  for (const table of tables) if (table.table !== "message") lines.push(...linesOfTable(table));
  for (const [table, rows] of dropped)
    if (rows > 0) lines.push(`${table}: ${counted(rows, "row")} referred to what is lost, and were left out`);
  if (!hasAllReads)
    lines.push("read cursors: their file is damaged, too; messages whose cursors are lost count as unread again");
  if (nameless > 0) lines.push(`${nameless} accounts or groups lost their names; nobody can read their messages`);
  return lines;
}

function invalidLine({ invalid, invalidKeys }: TableReport): string {
  const more = invalid - invalidKeys.length;
  return `  invalid, and not saved: ids ${invalidKeys.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

function linesOfTable({ table, rows, gaps, found, invalid }: TableReport): string[] {
  if (gaps.length === 0 && invalid === 0) return [];
  const between = gaps.map(({ from, to }) => (from === to ? `${from}` : `${from} to ${to}`)).join(", ");
  const lost = gaps.length === 0 ? "" : `; rows with keys ${between} could not be read from the table`;
  const elsewhere = found === 0 ? "" : `, and ${found} of them were found elsewhere in the file`;
  return [`${table}: ${rows} rows saved${invalid > 0 ? `, ${invalid} invalid` : ""}${lost}${elsewhere}`];
}
