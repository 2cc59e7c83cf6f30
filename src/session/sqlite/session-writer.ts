// Changes of sessions, as steps inside a write transaction. Each is recorded in the log for all processes. The end of a
// lease hides its sessions; `sweep` removes them gradually.
//
// The clock advances with ticks, by at most tickMsMax each: no lease ends because all processes that could renew were
// suspended, or the machine slept.

import type { Database } from "bun:sqlite";
import { gatewaySuspectMs, sessionChangesMax } from "../../base/limits/fixed.ts";
import type { Change } from "../follower.ts";
import { featuresOf, type GatewayStart, type Location, type PutOutcome, type SessionLimits } from "../sessions.ts";

const tickMsMax = 1_000;
/** How many changes are between two truncations of the log. */
const cutEvery = 256;

interface Row {
  readonly device: string;
  readonly channel: string;
  readonly gateway: string;
  readonly incarnation: string;
  readonly ended: number;
  readonly features: string | null;
}

/** Prepared statements of one connection; every method runs inside the caller's transaction. */
export class SessionWriter {
  private readonly db: Database;
  private readonly limits: SessionLimits;

  constructor(db: Database, limits: SessionLimits) {
    this.db = db;
    this.limits = limits;
  }

  put(app: string, account: string, location: Location): PutOutcome {
    const rows = this.sessions(app, account);
    const { device, channelId, gateway, incarnation, features = [] } = location;
    const old = rows.find((row) => row.device === device);
    if (old === undefined && rows.length >= this.limits.devicesPerAccount) return { result: "tooManyDevices" };
    const lease = this.lease({ gateway, incarnation }) ?? this.begin({ gateway, incarnation });
    this.db.query("INSERT OR REPLACE INTO session VALUES (?, ?, ?, ?, ?)").run(app, account, device, channelId, lease);
    if (old !== undefined && old.features !== null)
      this.db.query("DELETE FROM session_features WHERE channel = ?").run(old.channel);
    if (features.length > 0)
      this.db.query("INSERT OR REPLACE INTO session_features VALUES (?, ?)").run(channelId, features.join(" "));
    this.note(rows.length === 0 ? "online" : "moved", app, account);
    return {
      result: "put",
      replaced: old && {
        device,
        channelId: old.channel,
        gateway: old.gateway,
        incarnation: old.incarnation,
        ...featuresOf(old.features?.split(" ") ?? []),
      },
    };
  }

  restore(app: string, account: string, location: Location): "restored" | "present" | "refused" {
    const holder = this.sessions(app, account).find(({ device }) => device === location.device);
    if (holder !== undefined) return holder.channel === location.channelId ? "present" : "refused";
    return this.put(app, account, location).result === "put" ? "restored" : "refused";
  }

  remove(app: string, account: string, channelId: string): boolean {
    const rows = this.sessions(app, account);
    const gone = rows.find((row) => row.channel === channelId);
    if (gone === undefined) return false;
    this.delete(app, account, gone.device);
    this.note(rows.length === 1 ? "offline" : "moved", app, account);
    return true;
  }

  /** Ends the leases of a gateway, except that of `keepIncarnation`. */
  removeGateway(gateway: string, keepIncarnation: string | undefined): void {
    const leases = this.db
      .query<{ number: number; incarnation: string }, [string]>(
        "SELECT number, incarnation FROM lease WHERE gateway = ? AND ended = 0",
      )
      .all(gateway);
    for (const { number, incarnation } of leases) if (incarnation !== keepIncarnation) this.finish(number);
  }

  /** Advances the clock, renews, and ends expired leases. `ended` is the number of those with sessions. */
  renew(
    gateways: readonly GatewayStart[],
    wallMs: number,
  ): { readonly begun: readonly GatewayStart[]; readonly ended: number } {
    const clockMs = this.tick(wallMs);
    const begun = gateways.filter((start) => {
      const lease = this.lease(start) ?? this.begin(start);
      const row = this.db.query<{ renewed: number }, [number]>("SELECT renewed FROM lease WHERE number = ?").get(lease);
      this.db
        .query("UPDATE lease SET until_ms = ?, renewed = 1 WHERE number = ?")
        .run(clockMs + this.limits.gatewayLeaseMs, lease);
      return row?.renewed === 0;
    });
    const over = this.db
      .query<{ number: number; holds: number }, [number]>(
        `SELECT number, EXISTS (SELECT 1 FROM session WHERE lease = number) AS holds FROM lease
         WHERE ended = 0 AND until_ms <= ?`,
      )
      .all(clockMs);
    for (const { number } of over) this.finish(number);
    return { begun, ended: over.filter(({ holds }) => holds === 1).length };
  }

  gateways(): readonly GatewayStart[] {
    return this.db.query<GatewayStart, []>("SELECT gateway, incarnation FROM lease WHERE ended = 0").all();
  }

  suspect({ gateway, incarnation }: GatewayStart): void {
    this.db
      .query(
        `UPDATE lease SET until_ms = min(until_ms, (SELECT clock_ms FROM state) + ?)
         WHERE gateway = ? AND incarnation = ? AND ended = 0`,
      )
      .run(gatewaySuspectMs, gateway, incarnation);
  }

  /** Removes the sessions of an ended lease, for at most `accountsMax` accounts. Returns false if none is left. */
  sweep(accountsMax: number): boolean {
    const lease = this.db.query<{ number: number }, []>("SELECT number FROM lease WHERE ended = 1 LIMIT 1").get();
    if (lease === null) return false;
    const accounts = this.db
      .query<{ app: string; account: string }, [number, number]>(
        "SELECT DISTINCT app, account FROM session WHERE lease = ? LIMIT ?",
      )
      .all(lease.number, accountsMax);
    for (const { app, account } of accounts) this.sessions(app, account);
    if (accounts.length < accountsMax) this.db.query("DELETE FROM lease WHERE number = ?").run(lease.number);
    return true;
  }

  /** Returns an account's live sessions; removes those of ended leases. */
  private sessions(app: string, account: string): readonly Row[] {
    const rows = this.db
      .query<Row, [string, string]>(
        `SELECT device, channel, gateway, incarnation, ended, features
         FROM session CROSS JOIN lease ON number = lease LEFT JOIN session_features USING (channel)
         WHERE app = ? AND account = ?`,
      )
      .all(app, account);
    const live = rows.filter(({ ended }) => ended === 0);
    if (live.length === rows.length) return rows;
    for (const { device, ended } of rows) if (ended !== 0) this.delete(app, account, device);
    this.note(live.length === 0 ? "offline" : "moved", app, account);
    return live;
  }

  private delete(app: string, account: string, device: string): void {
    this.db.query("DELETE FROM session WHERE app = ? AND account = ? AND device = ?").run(app, account, device);
  }

  private lease({ gateway, incarnation }: GatewayStart): number | undefined {
    return this.db
      .query<{ number: number }, [string, string]>(
        "SELECT number FROM lease WHERE gateway = ? AND incarnation = ? AND ended = 0",
      )
      .get(gateway, incarnation)?.number;
  }

  private begin({ gateway, incarnation }: GatewayStart): number {
    const { lastInsertRowid } = this.db
      .query("INSERT INTO lease (gateway, incarnation, until_ms) VALUES (?, ?, (SELECT clock_ms FROM state) + ?)")
      .run(gateway, incarnation, this.limits.gatewayLeaseMs);
    return Number(lastInsertRowid);
  }

  private finish(lease: number): void {
    this.db.query("UPDATE lease SET ended = 1 WHERE number = ?").run(lease);
    this.note("leaseEnded", "", String(lease));
  }

  private tick(wallMs: number): number {
    const row = this.db
      .query<{ clock_ms: number }, { wallMs: number; tickMsMax: number }>(
        `UPDATE state SET ticked_ms = $wallMs,
           clock_ms = clock_ms + iif(ticked_ms = 0, 0, max(0, min($wallMs - ticked_ms, $tickMsMax)))
         RETURNING clock_ms`,
      )
      .get({ wallMs: Math.floor(wallMs), tickMsMax });
    return row?.clock_ms ?? 0;
  }

  private note(kind: Change["kind"], app: string, account: string): void {
    const row = this.db
      .query<{ sequence: number }, []>("UPDATE state SET sequence = sequence + 1 RETURNING sequence")
      .get();
    const sequence = row?.sequence ?? 0;
    this.db.query("INSERT INTO change VALUES (?, ?, ?, ?)").run(sequence, kind, app, account);
    if (sequence % cutEvery === 0) {
      this.db.query("DELETE FROM change WHERE sequence <= ?").run(sequence - sessionChangesMax);
    }
  }
}
