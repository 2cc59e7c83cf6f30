// The main-thread side of the store on SQLite: it batches writes, matches answers with promises and runs the background
// work (lease, checkpoints, compaction, purge). All SQL runs in store threads: a writer, a reader, a compactor,
// which maintains the index, and one for read cursors. Several processes may share the files.
//
// Messages are appended to a log in the order of ids; a commit writes nothing else. They are found by receiver, sender
// and clientId in the memtable, the end of the log that each thread holds in memory, and in the index, a second file of
// sorted runs, to which the memtable is flushed in the background. Indexing by receiver inside the commit would write a
// random page for every message.

import { existsSync, realpathSync } from "node:fs";
import { leaseHolder } from "../lease-holder.ts";
import { claimOfNobody, logAdoption } from "../../auth/store-ownership.ts";
import { type LimitValues, limitValues } from "../../base/limits/table.ts";
import { reasonOf } from "../../base/reason-of.ts";
import { StoreDamaged, StoreUnavailable, type Store } from "../store.ts";
import type { GroupBounds } from "./groups/membership.ts";
import { flushMessagesDefault } from "./index/posting.ts";
import { storeName } from "./ownership.ts";
import { isPermanent, StoreFiles, type StoreThreads } from "./store-files.ts";
import { StoreFault, StoreThread, type OpenRequest } from "./store-thread.ts";
import { SqliteStore, type SqliteStoreOptions } from "./threaded-store.ts";

/**
 * Opens the store, migrates it and leases a node number. Rejects with StoreUnavailable if the file can never be opened:
 * it belongs to another program or cluster, is newer than this program, or is damaged. If the reason may pass (a full
 * disk), the returned store is unhealthy, answers what it can, and recovers by itself.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  // All processes share one index, beside the file itself, whatever path they open it by.
  const path = existsSync(options.path) ? realpathSync(options.path) : options.path;
  const { claim = claimOfNobody } = options;
  const shared = {
    kind: "open",
    path,
    synchronous: options.synchronous ?? "FULL",
    holder: leaseHolder(),
    flushMessages: options.flushMessages ?? flushMessagesDefault,
    bounds: boundsOf(options.limits ?? limitValues()),
    claim,
  } as const;
  let repair = (_isReplaced: boolean): void => undefined;
  const thread = (role: OpenRequest["role"]): StoreThread =>
    new StoreThread({ ...shared, role }, options.log, (isReplaced) => repair(isReplaced));
  const threads: StoreThreads = {
    writer: thread("writer"),
    reader: thread("reader"),
    compactor: thread("compactor"),
    reads: thread("reads"),
  };
  const files = new StoreFiles(threads, path, options.log, options.takeLock);
  files.onClaimed = (outcome) => logAdoption(options.log, storeName(path), claim, outcome);
  let failure: string | undefined;
  try {
    await files.ensure();
    failure = files.lack;
  } catch (error) {
    failure = reasonOf(error);
    if (isPermanent(error)) {
      await files.close();
      throw new StoreUnavailable(startSentence(path, failure, error), { cause: error });
    }
  }
  const store = new SqliteStore(files, path, options, failure);
  repair = (isReplaced) => store.repairIndex(isReplaced);
  return store;
}

function boundsOf(limits: LimitValues): GroupBounds {
  const { groupsPerAccount, groupsPutPerAccount, groupMembers, blocksPerAccount } = limits;
  const { mediaUnnamed, mediaUnnamedBytes } = limits;
  const { invitationsPerGroup, joinRequestsPerGroup, joinRequestsPerAccount } = limits;
  const invitations = { invitationsPerGroup, joinRequestsPerGroup, joinRequestsPerAccount };
  const ofMedia = { mediaUnnamed, mediaUnnamedBytes };
  return { groupsPerAccount, groupsPutPerAccount, groupMembers, ...invitations, blocksPerAccount, ...ofMedia };
}

function startSentence(path: string, reason: string, error: unknown): string {
  if (error instanceof StoreDamaged) return `${reason}.`;
  const said = `The message store ${path} cannot be opened: ${reason}.`;
  const fault = error instanceof StoreFault ? error.fault : "machine";
  if (fault === "owner") return reason;
  if (fault === "index") return `${said} The index is made from the messages, none of which is lost.`;
  // Sentences of the other faults name a remedy.
  return fault === "machine" ? `${said} Check that its folder exists and is writable, or name another file.` : said;
}
