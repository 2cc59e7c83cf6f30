// Reads of the file, in microseconds and so on the event loop. `PRAGMA data_version` tells whether anybody has committed
// since it was asked last; only then is the log read.

import type { Database, Statement } from "bun:sqlite";
import type { Change, Fence } from "../follower.ts";
import { nowhere, type LeasedLocations } from "../location-cache.ts";
import type { Location } from "../sessions.ts";

interface ChangeRow {
  readonly sequence: number;
  readonly kind: Change["kind"];
  readonly app: string;
  readonly account: string;
}

interface SessionRow {
  readonly device: string;
  readonly channel: string;
  readonly lease: number;
  readonly gateway: string;
  readonly incarnation: string;
}

/** Prepared statements of a connection that does not write. */
export class SessionReader {
  private readonly version: Statement<{ data_version: number }, []>;
  private readonly state: Statement<{ epoch: string; sequence: number }, []>;
  private readonly changes: Statement<ChangeRow, [number]>;
  private readonly sessions: Statement<SessionRow, [string, string]>;
  private seenVersion = -1;

  constructor(db: Database) {
    this.version = db.query("PRAGMA data_version");
    this.state = db.query("SELECT epoch, sequence FROM state");
    this.changes = db.query("SELECT sequence, kind, app, account FROM change WHERE sequence > ? ORDER BY sequence");
    this.sessions = db.query(
      `SELECT device, channel, lease, gateway, incarnation FROM session JOIN lease ON number = lease
       WHERE app = ? AND account = ? AND ended = 0`,
    );
  }

  /** What is new since `sequence` of `epoch`; undefined: nothing has been committed since the last fence. */
  fence(epoch: string, sequence: number): Fence | undefined {
    // Asked before the rest: a commit in between is news to the next fence, too.
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

  locate(app: string, account: string): LeasedLocations {
    const rows = this.sessions.all(app, account);
    if (rows.length === 0) return nowhere;
    const locations: Location[] = [];
    const leases: number[] = [];
    for (const { device, channel, lease, gateway, incarnation } of rows) {
      locations.push({ device, channelId: channel, gateway, incarnation });
      leases.push(lease);
    }
    return { locations, leases };
  }
}

function changeOf({ kind, app, account }: ChangeRow): Change {
  return kind === "leaseEnded" ? { kind, lease: Number(account) } : { kind, app, account };
}
