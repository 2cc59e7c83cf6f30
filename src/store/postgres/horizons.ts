// The horizons (store/horizon.ts) of a store on PostgreSQL, as one process looks at them: the database's wall clock
// against this process's monotonic one. Every process looks; the database keeps what they find, in turns (save_look).
//
// Invariant: what a look saves was computed from what the look before it saved, whoever made that.

import type { Clock } from "../../base/clock.ts";
import { firstHorizon, lookAt, markEveryMs, ranInStep, type ClockReading, type Horizon } from "../horizon.ts";
import { countedMax } from "../purge-notice.ts";
import type { Connections } from "./connection.ts";
import { isPlausible } from "./writer-lock.ts";

/** A look whose answer took longer tells the time too inexactly. */
const answerMsMax = 1_000;
/** How often a look is tried that another process was faster with. */
const triesMax = 3;

/** A row of roost.horizon, as JSON. */
interface HorizonRow {
  readonly at_ms: number;
  readonly keep_ms: number;
  readonly looked_ms: number;
  readonly credit_ms: number;
  readonly is_waiting: boolean;
  readonly proven_ms: number;
}

/** Numbers of the database that fit into a double; what does not exist is null. */
interface LookRow {
  readonly turn: bigint;
  readonly wall_ms: bigint;
  readonly last_id: bigint;
  readonly mark_id: bigint | null;
  readonly mark_ms: bigint | null;
  readonly oldest_ms: bigint | null;
  readonly time: HorizonRow | null;
  readonly messages: HorizonRow | null;
}

/** What a look found, after it was saved. */
export interface Look {
  /** The database's clock. */
  readonly wallMs: number;
  /** Undefined where messages are kept for ever. */
  readonly messages: Horizon | undefined;
}

export class Horizons {
  private readonly connections: Connections;
  private readonly clock: Pick<Clock, "monotonicMs">;
  private readonly keepMs: number | undefined;
  private before: ClockReading | undefined;

  /** Messages are kept for `keepMs`; undefined: for ever. */
  constructor(connections: Connections, clock: Pick<Clock, "monotonicMs">, keepMs: number | undefined) {
    this.connections = connections;
    this.clock = clock;
    this.keepMs = keepMs;
  }

  /** Looks at the clocks and moves the horizons. Undefined: nothing was found out; the next look may. */
  async look(): Promise<Look | undefined> {
    for (let tries = 0; tries < triesMax; tries++) {
      const startMs = this.clock.monotonicMs();
      const row = await this.read();
      const tookMs = this.clock.monotonicMs() - startMs;
      if (row === undefined || tookMs > answerMsMax || !isPlausible(Number(row.wall_ms))) return undefined;
      const now = { wallMs: Number(row.wall_ms), monotonicMs: Math.round(startMs + tookMs / 2) };
      const look = await this.save(row, now);
      if (look !== undefined) {
        this.before = now;
        return look;
      }
    }
    return undefined;
  }

  /** How many messages are older than this moment, up to `countedMax` and one. */
  async countUntil(wallMs: number): Promise<number> {
    const [row] = await this.connections.run<{ count: bigint }[]>(
      (sql) => sql`
        SELECT count(*) AS count FROM (
          SELECT FROM roost.message WHERE id <= roost.last_id_at(${wallMs}) LIMIT ${countedMax + 1}) m`,
    );
    return Number(row?.count ?? 0n);
  }

  private async read(): Promise<LookRow | undefined> {
    // The clock is read after the snapshot is taken: the last id is one of this moment or before.
    const [row] = await this.connections.run<LookRow[]>(
      (sql) => sql`
        SELECT l.turn, roost.wall_us() / 1000 AS wall_ms, s.last_id, m.id AS mark_id, m.at_ms AS mark_ms,
          least(
            (SELECT sent_ns / 1000000 FROM roost.message ORDER BY id LIMIT 1),
            (SELECT at_ms FROM roost.mark ORDER BY at_ms LIMIT 1)
          ) AS oldest_ms,
          (SELECT row_to_json(h) FROM roost.horizon h WHERE h.kind = 'time') AS time,
          (SELECT row_to_json(h) FROM roost.horizon h WHERE h.kind = 'messages') AS messages
        FROM roost.look l CROSS JOIN roost.sequence s
        LEFT JOIN LATERAL (SELECT * FROM roost.mark ORDER BY id DESC LIMIT 1) m ON true`,
    );
    return row;
  }

  /** Undefined: another process was faster. */
  private async save(row: LookRow, now: ClockReading): Promise<Look | undefined> {
    const { keepMs, before } = this;
    const { wallMs } = now;
    const time = row.time === null ? firstHorizon(0, wallMs, undefined) : lookAt(horizonOf(row.time), 0, now, before);
    let messages: Horizon | undefined;
    if (keepMs !== undefined) {
      const oldestMs = row.oldest_ms === null ? undefined : Number(row.oldest_ms);
      const stored = row.messages === null ? firstHorizon(keepMs, wallMs, oldestMs) : horizonOf(row.messages);
      messages = lookAt(stored, keepMs, now, before);
    }
    const rows = [rowOf("time", time), ...(messages === undefined ? [] : [rowOf("messages", messages)])];
    const isMarked =
      !time.isWaiting &&
      ranInStep(now, before) &&
      row.last_id > (row.mark_id ?? 0n) &&
      (row.mark_ms === null || wallMs - Number(row.mark_ms) >= markEveryMs);
    const markId = isMarked ? row.last_id : null;
    const [answer] = await this.connections.run<{ is_saved: boolean }[]>(
      (sql) => sql`
        SELECT roost.save_look(${row.turn}, ${JSON.stringify(rows)}::text::json, ${markId}, ${wallMs}) AS is_saved`,
    );
    return answer?.is_saved === true ? { wallMs, messages } : undefined;
  }
}

function horizonOf(row: HorizonRow): Horizon {
  return {
    atMs: row.at_ms,
    keepMs: row.keep_ms,
    lookedMs: row.looked_ms,
    creditMs: row.credit_ms,
    isWaiting: row.is_waiting,
    provenMs: row.proven_ms,
  };
}

function rowOf(kind: "messages" | "time", horizon: Horizon): HorizonRow & { readonly kind: string } {
  return {
    kind,
    at_ms: horizon.atMs,
    keep_ms: horizon.keepMs,
    looked_ms: horizon.lookedMs,
    credit_ms: horizon.creditMs,
    is_waiting: horizon.isWaiting,
    proven_ms: horizon.provenMs,
  };
}
