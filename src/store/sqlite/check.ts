// Checks the messages and their index, beside a running server or without one. Reads only, on connections of its own,
// after rolling back what a killed process left. A file that cannot be opened this way (read-only, or no room for
// shared memory) is read without a lock.

import type { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { wrongBackEnd } from "./back-end/check-back-end.ts";
import { checkIndex, type Progress } from "./index/check-index.ts";
import { openUnlocked } from "./connection.ts";
import { IndexDamage, integrityOf, isDamage, LogDamage, wrongTypesOf } from "./damage.ts";
import { indexPathOf, indexSchemaVersion } from "./index/index-file.ts";
import { identityOf } from "./ownership.ts";
import { failureOf, Refusal } from "./refusal.ts";
import { pragmaNumber } from "./schema.ts";
import { checkReads, damagedReads, noReads, uncheckedReads, type ReadsReport } from "./conversations/check-reads.ts";
import { wrongConversations } from "./conversations/check-tables.ts";
import { readsPathOf } from "./conversations/read-file.ts";
import { wrongPeople } from "./people/check-people.ts";
import { openToRead, refuseForeign } from "./store-file.ts";

const cacheKib = 16 * 1024;
/** The first schema with a mark in the log. */
const marksFrom = 2;
/** The first schema with an identity. */
const identityFrom = 4;
/** The first schema that counts the groups of accounts. */
const countsFrom = 5;
/** The first schema with conversations. */
const conversationsFrom = 7;
/** The first schema with groups that one can run, and with people. */
const peopleFrom = 8;
/** The first schema with keys of the API. */
const backEndFrom = 9;

export interface CheckReport {
  readonly messages: number;
  readonly firstId: bigint;
  readonly lastId: bigint;
  readonly logProblems: readonly string[];
  /** `none`: the next start creates it; `unchecked`: the log is damaged. */
  readonly index: "right" | "damaged" | "none" | "unchecked";
  readonly indexMessages: number;
  readonly indexProblems: readonly string[];
  readonly reads: ReadsReport;
}

/** Receives the current step, and the part of it that is done if that is known. */
type CheckProgress = (what: string, part?: number) => void;

/** Throws Refusal for a file of another program, and errors of the system. */
export function checkStore(path: string, progress: CheckProgress): CheckReport {
  if (!existsSync(path)) throw new Refusal(`there are no messages at ${path}`);
  const nowMs = Date.now();
  const wasOpen = isOpenSomewhere(path);
  const report = checkOnce(path, progress, nowMs);
  const isFine = [report.logProblems, report.indexProblems, report.reads.problems].every(({ length }) => length === 0);
  // Without a lock, a server that starts meanwhile changes what is read.
  return isFine || wasOpen || !isOpenSomewhere(path) ? report : checkOnce(path, progress, nowMs);
}

/** An open store has a file of shared memory; a killed process may leave it, too. */
function isOpenSomewhere(path: string): boolean {
  return existsSync(`${path}-shm`);
}

function checkOnce(path: string, progress: CheckProgress, nowMs: number): CheckReport {
  const indexPath = indexPathOf(path);
  const readsPath = readsPathOf(path);
  const index = existsSync(indexPath) ? openToCheck(indexPath) : undefined;
  const reads = existsSync(readsPath) ? openToCheck(readsPath) : undefined;
  let log: Database | undefined;
  try {
    // The snapshots of what follows the log must be older than the log's.
    for (const file of [index, reads]) if (!(file instanceof Error)) startSnapshot(file);
    const opened = openToCheck(path);
    if (opened instanceof Error) return damaged([opened.message]);
    log = opened;
    const report = checkBoth(log, index, path, progress, nowMs);
    return report.logProblems.length > 0 ? report : { ...report, reads: readsReport(log, reads, progress) };
  } finally {
    log?.close();
    for (const file of [index, reads]) if (!(file instanceof Error)) file?.close();
  }
}

function readsReport(log: Database, reads: Database | Error | undefined, progress: CheckProgress): ReadsReport {
  if (pragmaNumber(log, "user_version") < conversationsFrom || reads === undefined) return noReads;
  if (reads instanceof Error) return damagedReads([reads.message]);
  progress("reading the read cursors");
  return checkReads(log, reads);
}

function checkBoth(
  log: Database,
  index: Database | Error | undefined,
  path: string,
  progress: CheckProgress,
  nowMs: number,
): CheckReport {
  try {
    refuseForeign(log, path);
  } catch (error) {
    if (isDamage(error)) return damaged([error.message]);
    throw error;
  }
  log.run("BEGIN");
  progress("reading every page of the messages");
  const logProblems = checkLog(log);
  if (logProblems.length > 0) return damaged(logProblems);
  const ends = log
    .query<{ first: bigint | null; last: bigint | null; messages: bigint }, []>(
      "SELECT min(id) AS first, max(id) AS last, count(*) AS messages FROM message",
    )
    .get();
  const facts = {
    messages: Number(ends?.messages ?? 0n),
    firstId: ends?.first ?? 0n,
    lastId: ends?.last ?? 0n,
    logProblems,
    indexMessages: 0,
    reads: uncheckedReads,
  };
  if (index === undefined || isOfAnother(log, index)) return { ...facts, index: "none", indexProblems: [] };
  if (index instanceof Error) return { ...facts, index: "damaged", indexProblems: [index.message] };
  progress("reading every page of the index");
  const pages = integrityOf(index);
  if (pages.length > 0) return { ...facts, index: "damaged", indexProblems: pages };
  const compared: Progress = (part) => progress("comparing the index with the messages", part);
  try {
    const { messages, problems } = checkIndex(log, index, nowMs, compared);
    const isRight = problems.length === 0;
    return {
      ...facts,
      index: isRight ? "right" : "damaged",
      indexMessages: messages,
      indexProblems: problems,
    };
  } catch (error) {
    if (error instanceof IndexDamage) return { ...facts, index: "damaged", indexProblems: [error.message] };
    if (error instanceof LogDamage) return damaged([error.message]);
    throw error;
  }
}

function damaged(logProblems: readonly string[]): CheckReport {
  return {
    messages: 0,
    firstId: 0n,
    lastId: 0n,
    logProblems,
    index: "unchecked",
    indexMessages: 0,
    indexProblems: [],
    reads: uncheckedReads,
  };
}

function checkLog(log: Database): string[] {
  const problems = integrityOf(log);
  if (problems.length > 0) return problems;
  problems.push(...wrongTypesOf(log));
  const sequence = log.query<{ last_id: bigint }, []>("SELECT last_id FROM sequence").get();
  const newest = log.query<{ id: bigint | null }, []>("SELECT max(id) AS id FROM message").get()?.id ?? 0n;
  if (sequence === null) problems.push("it has lost its row of the last id");
  else if (sequence.last_id < newest)
    problems.push(`its last id is ${sequence.last_id}, and it holds message ${newest}`);
  if (pragmaNumber(log, "user_version") >= identityFrom && identityOf(log) === undefined)
    problems.push("its identity is not one row of 32 hexadecimal digits; a start with --adopt makes a new one");
  for (const [what, sql] of references) {
    const missing = log.query<{ rows: bigint }, []>(`SELECT count(*) AS rows FROM (${sql})`).get()?.rows ?? 0n;
    if (missing > 0n) problems.push(`${missing} ${what}`);
  }
  if (pragmaNumber(log, "user_version") >= conversationsFrom) problems.push(...wrongConversations(log));
  if (pragmaNumber(log, "user_version") >= peopleFrom) problems.push(...wrongPeople(log));
  if (pragmaNumber(log, "user_version") >= backEndFrom) problems.push(...wrongBackEnd(log));
  if (pragmaNumber(log, "user_version") < countsFrom) return problems;
  const miscounted = log.query<{ accounts: bigint }, []>(miscountedAccounts).get()?.accounts ?? 0n;
  if (miscounted > 0n)
    problems.push(
      `the group counts of ${miscounted} accounts are wrong; DELETE FROM group_count makes the store count them again`,
    );
  return problems;
}

const miscountedAccounts = `
  SELECT count(*) AS accounts FROM group_count c LEFT JOIN (
    SELECT account, sum(own) AS own, sum(1 - own) AS put FROM member WHERE until_id IS NULL GROUP BY account
  ) m ON m.account = c.account
  WHERE c.own <> ifnull(m.own, 0) OR c.put <> ifnull(m.put, 0)`;

const references: readonly [what: string, sql: string][] = [
  ["senders of messages have no name", "SELECT DISTINCT sender FROM message EXCEPT SELECT number FROM account"],
  [
    "receivers of messages have no name",
    "SELECT DISTINCT inbox FROM message WHERE inbox > 0 EXCEPT SELECT number FROM account",
  ],
  [
    "groups with messages are missing",
    `SELECT DISTINCT -inbox FROM message WHERE inbox < 0 EXCEPT SELECT number FROM "group"`,
  ],
  ["members have no name", "SELECT DISTINCT account FROM member EXCEPT SELECT number FROM account"],
];

/** Reports whether the index belongs to another log or version, so that the next start replaces it. */
function isOfAnother(log: Database, index: Database | Error): boolean {
  if (index instanceof Error) return false;
  try {
    if (pragmaNumber(index, "user_version") !== indexSchemaVersion) return true;
    return pragmaNumber(log, "user_version") < marksFrom || markOf(log, "log") !== markOf(index, "state");
  } catch (error) {
    // The integrity check reports damage.
    if (isDamage(error)) return false;
    throw error;
  }
}

function markOf(db: Database, table: "log" | "state"): bigint | undefined {
  return db.query<{ mark: bigint }, []>(`SELECT mark FROM ${table}`).get()?.mark;
}

function startSnapshot(db: Database | undefined): void {
  if (db === undefined) return;
  db.run("BEGIN");
  try {
    db.query("SELECT 1 FROM sqlite_schema LIMIT 1").get();
  } catch (error) {
    // The integrity check reports damage.
    if (!isDamage(error)) throw error;
  }
}

/** Returns the error if the file's header is damaged. */
function openToCheck(path: string): Database | Error {
  // If no process has it open, this leaves no new file beside it.
  if (!isOpenSomewhere(path)) return openedBy(() => openUnlocked(path, cacheKib));
  try {
    return openedBy(() => openToRead(path));
  } catch (error) {
    if (failureOf(error) === undefined) throw error;
    return openedBy(() => openUnlocked(path, cacheKib));
  }
}

function openedBy(open: () => Database): Database | Error {
  let db: Database | undefined;
  try {
    db = open();
    db.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get();
    return db;
  } catch (error) {
    db?.close();
    if (isDamage(error)) return error;
    throw error;
  }
}
