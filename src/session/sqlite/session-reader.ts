// Reads of the file, in microseconds and therefore on the event loop. `PRAGMA data_version` shows whether anything was
// committed since the last call; only then is the log read.

import type { Database, Statement } from "bun:sqlite";
import type { Change, Fence } from "../follower.ts";
import { nowhere, type LeasedLocations } from "../location-cache.ts";
import { featuresOf, type Location } from "../sessions.ts";

/** Accounts in one query if there are many; a few are read one by one. */
const accountsPerQuery = 64;
const singlesMax = 8;

interface ChangeRow {
  readonly sequence: number;
  readonly kind: Change["kind"];
  readonly app: string;
  readonly account: string;
}

interface SessionRow {
  readonly account: string;
  readonly device: string;
  readonly channel: string;
  readonly lease: number;
  readonly gateway: string;
  readonly incarnation: string;
  readonly features: string | null;
}

export class SessionReader {
  private readonly version: Statement<{ data_version: number }, []>;
  private readonly state: Statement<{ epoch: string; sequence: number }, []>;
  private readonly changes: Statement<ChangeRow, [number]>;
  private readonly sessions: Statement<SessionRow, [string, string]>;
  private readonly manySessions: Statement<SessionRow, string[]>;
  private seenVersion = -1;

  constructor(db: Database) {
    this.version = db.query("PRAGMA data_version");
    this.state = db.query("SELECT epoch, sequence FROM state");
    this.changes = db.query("SELECT sequence, kind, app, account FROM change WHERE sequence > ? ORDER BY sequence");
    // CROSS JOIN: accounts first. SQLite alone would walk over all leases.
    const sessionsOf = (condition: string): string =>
      `SELECT account, device, channel, lease, gateway, incarnation, features
       FROM session CROSS JOIN lease ON number = lease LEFT JOIN session_features USING (channel)
       WHERE app = ? AND ${condition} AND ended = 0`;
    this.sessions = db.query(sessionsOf("account = ?"));
    this.manySessions = db.query(sessionsOf(`account IN (?${", ?".repeat(accountsPerQuery - 1)})`));
  }

  /** Returns what is new since `sequence` of `epoch`; undefined if nothing was committed since the last fence. */
  fence(epoch: string, sequence: number): Fence | undefined {
    // Read first, so that a commit in between is new to the next fence, too.
    const version = this.version.get()?.data_version ?? 0;
    if (version === this.seenVersion) return undefined;
    const state = this.state.get();
    if (state === null) throw new Error("the file of the sessions has no state");
    const rows = state.epoch === epoch ? this.changes.all(sequence) : [];
    const isTrimmed = rows.length === 0 ? state.sequence > sequence : rows[0]?.sequence !== sequence + 1;
    this.seenVersion = version;
    return {
      epoch: state.epoch,
      sequence: rows.at(-1)?.sequence ?? state.sequence,
      changes: state.epoch !== epoch || isTrimmed ? undefined : rows.map(changeOf),
    };
  }

  locate(app: string, accounts: readonly string[]): Map<string, LeasedLocations> {
    const read = new Map<string, LeasedLocations>();
    for (const account of accounts) read.set(account, nowhere);
    // Removes duplicates.
    const names = [...read.keys()];
    if (names.length <= singlesMax) {
      for (const account of names) addAll(read, this.sessions.all(app, account));
      return read;
    }
    for (let at = 0; at < names.length; at += accountsPerQuery) {
      const part = names.slice(at, at + accountsPerQuery);
      const [first = ""] = part;
      // The query has a fixed number of parameters: duplicates fill the rest.
      while (part.length < accountsPerQuery) part.push(first);
      addAll(read, this.manySessions.all(app, ...part));
    }
    return read;
  }
}

function addAll(read: Map<string, LeasedLocations>, rows: readonly SessionRow[]): void {
  for (const { account, device, channel, lease, gateway, incarnation, features } of rows) {
    const { locations, leases } = read.get(account) ?? nowhere;
    const of = features === null ? undefined : featuresOf(features.split(" "));
    const location: Location = { device, channelId: channel, gateway, incarnation, ...of };
    read.set(account, { locations: [...locations, location], leases: [...leases, lease] });
  }
}

function changeOf({ kind, app, account }: ChangeRow): Change {
  return kind === "leaseEnded" ? { kind, lease: Number(account) } : { kind, app, account };
}
