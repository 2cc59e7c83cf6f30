// Checks the file of read cursors against its log. Reads only.

import type { Database } from "bun:sqlite";
import { integrityOf, isDamage, wrongTypesOf } from "../damage.ts";
import { belongsTo, markOf, seenKey } from "./read-file.ts";

export interface ReadsReport {
  /** `none`: it does not exist, or is of another log, and is made when somebody reads a message. */
  readonly state: "right" | "damaged" | "none" | "unchecked";
  readonly marks: number;
  readonly problems: readonly string[];
}

export const noReads: ReadsReport = { state: "none", marks: 0, problems: [] };
export const uncheckedReads: ReadsReport = { state: "unchecked", marks: 0, problems: [] };

export function damagedReads(problems: readonly string[]): ReadsReport {
  return { state: "damaged", marks: 0, problems };
}

/** The log is intact; its snapshot is not older than the file's. */
export function checkReads(log: Database, reads: Database): ReadsReport {
  const pages = integrityOf(reads);
  if (pages.length > 0) return damagedReads(pages);
  try {
    if (!belongsTo(reads, markOf(log))) return noReads;
    const problems = [...wrongTypesOf(reads), ...wrongMarks(log, reads)];
    if (problems.length > 0) return damagedReads(problems);
    const marks = reads.query<{ n: bigint }, []>("SELECT count(*) AS n FROM read_mark").get()?.n ?? 0n;
    return { state: "right", marks: Number(marks), problems };
  } catch (error) {
    if (isDamage(error)) return damagedReads([error.message]);
    throw error;
  }
}

function wrongMarks(log: Database, reads: Database): string[] {
  const last = log.query<{ last_id: bigint }, []>("SELECT last_id FROM sequence").get()?.last_id ?? 0n;
  const account = log.prepare("SELECT 1 FROM account WHERE number = ?");
  const group = log.prepare(`SELECT 1 FROM "group" WHERE number = ?`);
  const [known, missing] = [new Set<bigint>(), new Set<bigint>()];
  const exists = (number: bigint): boolean => {
    if (known.has(number)) return true;
    if (missing.has(number)) return false;
    const isThere = (number > 0n ? account.get(number) : group.get(-number)) !== null;
    (isThere ? known : missing).add(number);
    return isThere;
  };
  let [nobodys, nowhere, beyond] = [0, 0, 0];
  const rows = reads.query<{ account: bigint; other: bigint; read_id: bigint }, []>("SELECT * FROM read_mark");
  for (const row of rows.iterate()) {
    if (!exists(row.account)) nobodys++;
    else if (row.other !== seenKey && !exists(row.other)) nowhere++;
    if (row.read_id > last) beyond++;
  }
  const problems: string[] = [];
  if (nobodys > 0) problems.push(`${nobodys} cursors are of accounts that do not exist`);
  if (nowhere > 0) problems.push(`${nowhere} cursors are of conversations whose partner or group does not exist`);
  if (beyond > 0) problems.push(`${beyond} cursors are beyond the last id, ${last}`);
  return problems;
}
