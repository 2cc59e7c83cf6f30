// What failures of the database mean: whether it is away for a while, is another one, has to be left, or has a bug.

import { SQL } from "bun";
import { serverFault } from "../../transport/tls/client-files.ts";
import { StoreUnavailable } from "../store.ts";
import { replacedState } from "./life.ts";
import { refusalState } from "./writer-lock.ts";

/** SQLSTATE too_many_connections: of the server, of the database or of the role. */
const tooManyConnections = "53300";

/** The database does not serve now, but may do so later without a change of settings. */
export class DatabaseAway extends StoreUnavailable {}

/**
 * What a tool has written may not last: it is on one server only, or that was lost while it committed. The message is a
 * sentence.
 */
export class Unheld extends DatabaseAway {}

/**
 * The database has another store than the caller knows: it was restored, is being restored, or is another server's. The
 * request had no effect, and caches of the store are stale (life.ts).
 */
export class StoreReplaced extends StoreUnavailable {}

/** Commits of a server may be lost with it, by its settings. One that was just promoted may have others in a moment. */
export class QuorumFault extends StoreUnavailable {}

/** SQLSTATEs of missing tables, columns, functions and schemas. */
const missingState = /^(3F000|42P01|42703|42883)$/;
/** SQLSTATEs of transient failures: connections, resources, start-up, standby, locks, time limits, disks. */
const passingState = /^(08|25006|40|53|55P03|57|58)/;
/** Codes of transient failures of the connection: of Bun's client, and of the system. */
const passingCode = /^(ERR_POSTGRES_(CONNECTION_|\w+_TIMEOUT)|E(CONN|HOST|NET|PIPE|TIMEDOUT))/;
/** SQLSTATEs of a server that is no primary any more: it takes no writes, is shutting down, crashed or starts. */
const leavingState = /^(08|25006|57P0[123])/;
/** A pool closes connections that nobody used. */
const idleCode = "ERR_POSTGRES_IDLE_TIMEOUT";

/** Describes a failure of the database, the network or the configuration; undefined for a bug. */
function sentenceOf(error: unknown): string | undefined {
  if (error instanceof SQL.PostgresError) {
    if (error.errno === refusalState || error.errno === replacedState) return error.message;
    return `${error.message} (${error.errno ?? error.code})`;
  }
  // TLS failures are plain errors with a code.
  const isBug = !(error instanceof Error) || error instanceof TypeError || !("code" in error);
  if (isBug) return undefined;
  return `${serverFault(error, "sslrootcert") ?? error.message} (${String(error.code)})`;
}

function isPassing(error: unknown): boolean {
  if (error instanceof SQL.PostgresError && error.errno !== undefined) return passingState.test(error.errno);
  return error instanceof Error && "code" in error && passingCode.test(String(error.code));
}

/** Reports whether the database itself has answered, and not by refusing who asks (class 28). */
export function isAnswer(error: unknown): boolean {
  return error instanceof SQL.PostgresError && error.errno !== undefined && !error.errno.startsWith("28");
}

/** Whether an error shows that its server is no primary any more, or is gone. */
export function isLeaving(error: unknown): boolean {
  if (error instanceof SQL.PostgresError && error.errno !== undefined) return leavingState.test(error.errno);
  return error instanceof Error && "code" in error && error.code !== idleCode && passingCode.test(String(error.code));
}

function isReplaced(error: unknown): boolean {
  if (!(error instanceof SQL.PostgresError) || error.errno === undefined) return false;
  return error.errno === replacedState || missingState.test(error.errno);
}

/** Reports whether a store that cannot be opened may be opened later, without a restart with other settings. */
export function mayOpenLater(error: unknown): boolean {
  return error instanceof DatabaseAway || error instanceof QuorumFault;
}

/** Converts an error for a query's caller: DatabaseAway, StoreReplaced or StoreUnavailable, or a bug unchanged. */
export function failureOf(error: unknown): unknown {
  if (error instanceof StoreUnavailable) return error;
  const sentence = sentenceOf(error);
  if (sentence === undefined) return error;
  if (isReplaced(error)) return new StoreReplaced(sentence, { cause: error });
  return isPassing(error)
    ? new DatabaseAway(sentence, { cause: error })
    : new StoreUnavailable(sentence, { cause: error });
}

/** Reports whether the database has no connection left. */
export function isScarcity(error: unknown): boolean {
  return error instanceof SQL.PostgresError && error.errno === tooManyConnections;
}
