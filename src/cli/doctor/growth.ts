// How large the store of messages is, how fast it grows, and when its disk is full at this rate.

import { existsSync, statfsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { StoreUnavailable } from "../../store/store.ts";
import { failureOf } from "../../store/sqlite/refusal.ts";
import { versionInHeader } from "../../store/sqlite/store-file.ts";
import { sizeOfFiles } from "../../store/sqlite/store-size.ts";
import { growthOf, type StoreSize } from "../../store/store-size.ts";
import { requiredStore } from "../serve/requirements.ts";
import { storeUrlOf } from "../store-place.ts";
import { type Finding, ok, type Subject, warning } from "./finding.ts";
import { faultOfFile } from "./files.ts";
import { fileOf } from "./options.ts";

/** With less time until the disk is full, the operator should act. */
const daysWanted = 30;
const secondsPerDay = 86_400;

/** Measures the store. */
export async function checkGrowth({ values, role }: Subject): Promise<readonly Finding[]> {
  const url = role === "standalone" ? storeUrlOf(values) : requiredStore(values);
  const keptDays = values.required("retention");
  const file = fileOf(url);
  try {
    if (file === undefined) {
      const size = await (await import("../../store/postgres/store-size.ts")).sizeAt(url);
      return size === undefined ? [] : growthFindings(size, keptDays);
    }
    const path = resolve(file);
    const size = isStore(path) ? sizeOfFiles(path, Date.now()) : undefined;
    if (size === undefined) return [];
    const { bavail, bsize } = statfsSync(dirname(path));
    return growthFindings(size, keptDays, bavail * bsize);
  } catch (error) {
    const reason = error instanceof StoreUnavailable ? error.message : failureOf(error)?.sentence;
    if (reason === undefined) throw error;
    return [warning(`not measured: ${reason}`)];
  }
}

/** Another check judges what is no store. */
function isStore(path: string): boolean {
  try {
    if (faultOfFile(path) !== undefined || !existsSync(path)) return false;
    versionInHeader(path);
    return true;
  } catch (error) {
    if (failureOf(error) === undefined) throw error;
    return false;
  }
}

/** Judges a size. `keptDays`: the retention, 0 for ever. `freeBytes`: undefined on PostgreSQL, which does not tell. */
export function growthFindings(size: StoreSize, keptDays: number, freeBytes?: number): readonly Finding[] {
  const has = amountOf(size.bytes);
  const growth = growthOf(size);
  if (size.messages === 0) return [ok(`${has}, no messages yet`)];
  if (growth === undefined) return [ok(`${has}; its growth is known when the index of its messages is complete`)];
  const { messagesPerDay, bytesPerDay } = growth;
  const span = `the last ${size.recentDays < 2 ? "day" : `${Math.round(size.recentDays)} days`}`;
  const now =
    `${has} for ${Math.round(size.messages ?? 0)} messages; in ${span} it grew by ${amountOf(bytesPerDay)} a day ` +
    `(${Math.round(messagesPerDay)} messages)`;
  if (bytesPerDay === 0) return [ok(now)];
  if (freeBytes === undefined) return [ok(`${now}; ${neededText(size.bytes, bytesPerDay, keptDays)}`)];
  const days = freeBytes / bytesPerDay;
  // What is deleted makes room, once the store is as old as its retention.
  if (keptDays > 0 && freeBytes + size.bytes >= keptDays * bytesPerDay)
    return [ok(`${now}; with --retention ${keptDays}d it fits on its disk`)];
  const full = `at this rate its disk, with ${amountOf(freeBytes)} free, is full ${timeText(days)}`;
  return days >= daysWanted
    ? [ok(`${now}; ${full}`)]
    : [warning(`${now}; ${full}: make room, or keep messages for a time only (--retention)`)];
}

/** What to compare with the room of a disk that this machine does not see. */
function neededText(bytes: number, bytesPerDay: number, keptDays: number): string {
  const soon = `in ${daysWanted} days its disk needs ${amountOf(daysWanted * bytesPerDay)} more`;
  const inAll = amountOf(Math.max(bytes, keptDays * bytesPerDay));
  const atMost = keptDays > 0 ? `, with --retention ${keptDays}d ${inAll} in all` : "";
  return `${soon} at this rate${atMost}; PostgreSQL does not tell how much it has free`;
}

function timeText(days: number): string {
  if (days >= 3650) return "in more than ten years";
  const date = new Date(Date.now() + days * secondsPerDay * 1000).toISOString().slice(0, 10);
  return days < 1 ? "within a day" : `in ${Math.floor(days)} days (${date})`;
}

function amountOf(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"] as const;
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const amount = bytes / 1000 ** power;
  return `${amount < 10 && power > 0 ? amount.toFixed(1) : Math.round(amount)} ${units[power]}`;
}
