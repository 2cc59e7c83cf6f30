// The horizons and the trusted time (store/horizon.ts, store/trusted-time.ts) of a store on PostgreSQL: a process
// compares the database's wall clock with its own monotonic clock. All processes look; the database keeps the result.
//
// Invariant: a look is computed from the state that the previous look saved, by whatever process (turns of save_look).

import type { Clock } from "../../base/clock.ts";
import { firstHorizon, horizonDayMs, lookAt, waitMsOf, type ClockReading, type Horizon } from "../horizon.ts";
import { purgeRowsMax, surveyMessagesMax } from "../purge.ts";
import { refusedClock } from "../snowflake.ts";
import { StoreUnavailable } from "../store.ts";
import {
  dueMark,
  firstMarks,
  firstTrustedTime,
  lookAtTime,
  marksLaterByMs,
  type Mark,
  type TrustedTime,
} from "../trusted-time.ts";
import type { Connections } from "./connection.ts";

/** A slower answer makes the time of a look too inaccurate. */
const answerMsMax = 1_000;
const triesMax = 3;
/** Messages to count in one query: well within its time limit. */
const countRowsMax = 20_000;

interface HorizonRow {
  readonly at_ms: number;
  readonly keep_ms: number;
  readonly looked_ms: number;
  readonly credit_ms: number;
  readonly is_waiting: boolean;
  readonly proven_ms: number;
}

/** Null for what does not exist. Milliseconds fit into a double. */
interface StateRow {
  readonly life: string;
  readonly turn: bigint;
  readonly ran_ms: bigint;
  readonly leapt_ms: bigint;
  readonly wall_ms: bigint;
  readonly last_id: bigint;
  readonly committed_ms: bigint;
  readonly oldest_id: bigint | null;
  readonly oldest_ms: bigint | null;
  readonly mark_id: bigint | null;
  readonly mark_ms: bigint | null;
  readonly mark_ran_ms: bigint | null;
  readonly time: HorizonRow | null;
  readonly messages: HorizonRow | null;
}

/** The stored state of the time, and a reading of the database's clock. */
export interface TimeState {
  /** The store's life (life.ts); the state is saved to no other. */
  readonly life: string;
  readonly turn: bigint;
  /** The database's clock; milliseconds since 1970. */
  readonly wallMs: number;
  /** 0n if nothing has been stored. */
  readonly lastId: bigint;
  readonly committedMs: number | undefined;
  readonly oldestMs: number | undefined;
  readonly newestMark: Mark | undefined;
  readonly time: TrustedTime;
  /** Undefined without a retention, and before the first look. */
  readonly messages: Horizon | undefined;
  /** The marks of a store before its first look. */
  readonly firstMarks: readonly Mark[];
}

export interface Look {
  readonly life: string;
  readonly wallMs: number;
  readonly lastId: bigint;
  readonly keepsAll: boolean;
  /** The minimum wait of the horizon of the messages; 0 if it does not wait. */
  readonly waitMs: number;
  /** Messages up to this id will be deleted after the wait; 0n if there are none, or without a wait. */
  readonly goneUpTo: bigint;
}

export class Horizons {
  private readonly connections: Connections;
  private readonly clock: Pick<Clock, "monotonicMs">;
  private readonly keepMs: number | undefined;
  private before: ClockReading | undefined;
  /** The life of the store at `before`: the machine of another store may have another clock. */
  private life: string | undefined;

  constructor(connections: Connections, clock: Pick<Clock, "monotonicMs">, keepMs: number | undefined) {
    this.connections = connections;
    this.clock = clock;
    this.keepMs = keepMs;
  }

  /** Looks at the clocks and moves the horizons; undefined if the database was slow or others were faster. */
  async look(): Promise<Look | undefined> {
    for (let tries = 0; tries < triesMax; tries++) {
      const startMs = this.clock.monotonicMs();
      const state = await readTime(this.connections);
      const tookMs = this.clock.monotonicMs() - startMs;
      // The first answer may have waited for a connection.
      if (tookMs > answerMsMax) continue;
      const now = { wallMs: state.wallMs, monotonicMs: Math.round(startMs + tookMs / 2) };
      const look = await this.save(state, now);
      if (look !== undefined) return look;
    }
    return undefined;
  }

  /** Returns undefined if another process was faster. */
  private async save(state: TimeState, now: ClockReading): Promise<Look | undefined> {
    const { connections, keepMs } = this;
    const before = state.life === this.life ? this.before : undefined;
    const { wallMs } = now;
    const time = lookAtTime(state.time, now, before);
    const due = dueMark(time, now, before, state.newestMark, state.lastId);
    const horizon = keepMs === undefined ? undefined : lookAt(ofMessages(state, keepMs), keepMs, now, before);
    const isSaved = await saveTime(connections, state, {
      time,
      messages: horizon,
      marks: due === undefined ? state.firstMarks : [...state.firstMarks, due],
      laterMs: marksLaterByMs(state.time, time),
      latestMs: wallMs - horizonDayMs,
    });
    if (!isSaved) return undefined;
    this.before = now;
    this.life = state.life;
    const waitMs = horizon === undefined ? 0 : waitMsOf(horizon);
    const goneMs = wallMs + waitMs - (horizon?.keepMs ?? 0) - Math.max(0, time.leaptMs);
    return {
      life: state.life,
      wallMs,
      lastId: state.lastId,
      keepsAll: horizon === undefined,
      waitMs,
      goneUpTo: waitMs > 0 ? await lastIdAt(connections, goneMs) : 0n,
    };
  }
}

/** Also rejects with StoreUnavailable if the database's clock cannot be right. */
export async function readTime(connections: Connections): Promise<TimeState> {
  // The clock is read after the snapshot is taken, so the last id is not newer than the time.
  const [row] = await connections.run<StateRow[]>(
    (sql) => sql`
      SELECT roost.life() AS life, l.turn, l.ran_ms, l.leapt_ms, roost.wall_us() / 1000 AS wall_ms,
        s.last_id, s.committed_ms,
        o.id AS oldest_id,
        least(o.sent_ns / 1000000, (SELECT at_ms FROM roost.mark ORDER BY at_ms LIMIT 1)) AS oldest_ms,
        m.id AS mark_id, m.at_ms AS mark_ms, m.ran_ms AS mark_ran_ms,
        (SELECT row_to_json(h) FROM roost.horizon h WHERE h.kind = 'time') AS time,
        (SELECT row_to_json(h) FROM roost.horizon h WHERE h.kind = 'messages') AS messages
      FROM roost.look l CROSS JOIN roost.sequence s
      LEFT JOIN LATERAL (SELECT * FROM roost.mark ORDER BY id DESC LIMIT 1) m ON true
      LEFT JOIN LATERAL (SELECT id, sent_ns FROM roost.message ORDER BY id LIMIT 1) o ON true`,
  );
  if (row === undefined) throw new StoreUnavailable("the store has lost a row that it needs; restore the database");
  const wallMs = Number(row.wall_ms);
  const refusal = refusedClock(wallMs, "the database's");
  if (refusal !== undefined) throw new StoreUnavailable(refusal);
  const committedMs = row.last_id > 0n ? Number(row.committed_ms) : undefined;
  const first = firstTrustedTime(wallMs, committedMs);
  const isFirst = row.time === null && row.oldest_id !== null && committedMs !== undefined;
  return {
    life: row.life,
    turn: row.turn,
    wallMs,
    lastId: row.last_id,
    committedMs,
    oldestMs: row.oldest_ms === null ? undefined : Number(row.oldest_ms),
    newestMark: markOf(row),
    time:
      row.time === null
        ? first
        : { horizon: horizonOf(row.time), ranMs: Number(row.ran_ms), leaptMs: Number(row.leapt_ms) },
    messages: row.messages === null ? undefined : horizonOf(row.messages),
    firstMarks: isFirst ? firstMarks(row.oldest_id, row.last_id, committedMs, wallMs) : [],
  };
}

/** The horizon of the messages that a look with this retention would find. */
export function ofMessages({ messages, wallMs, oldestMs }: TimeState, keepMs: number): Horizon {
  return messages ?? firstHorizon(keepMs, wallMs, oldestMs);
}

interface NewTime {
  readonly time: TrustedTime;
  /** Undefined without a retention. */
  readonly messages: Horizon | undefined;
  readonly marks: readonly Mark[];
  /** How much later earlier marks are moved, but not beyond `latestMs`. */
  readonly laterMs: number;
  readonly latestMs: number;
}

/** Returns false, saving nothing, if another process has saved a state since this one was read. */
export async function saveTime(
  connections: Connections,
  { life, turn }: TimeState,
  { time, messages, marks, laterMs, latestMs }: NewTime,
): Promise<boolean> {
  const horizons = [rowOf("time", time.horizon), ...(messages === undefined ? [] : [rowOf("messages", messages)])];
  const markRows = marks.map(({ id, atMs, ranMs }) => ({ id: id.toString(), at_ms: atMs, ran_ms: ranMs }));
  const [answer] = await connections.run<{ is_saved: boolean }[]>(
    (sql) => sql`
      SELECT roost.save_look(${turn}, ${time.ranMs}, ${time.leaptMs}, ${laterMs}, ${latestMs},
        ${JSON.stringify(horizons)}::text::json, ${JSON.stringify(markRows)}::text::json, ${life}) AS is_saved`,
  );
  return answer?.is_saved === true;
}

/** Returns the id up to which everything had been stored at a time, by the marks; 0n if nothing had. */
export async function lastIdAt(connections: Connections, wallMs: number): Promise<bigint> {
  const [row] = await connections.run<{ id: bigint | null }[]>((sql) => sql`SELECT roost.last_id_at(${wallMs}) AS id`);
  return row?.id ?? 0n;
}

/** Deletes a slice beyond the horizon of the messages, above an id; returns the next one, undefined at the end. */
export async function purgeSlice(connections: Connections, life: string, above: bigint): Promise<bigint | undefined> {
  const [slice] = await connections.run<{ next: bigint | null }[]>(
    (sql) => sql`SELECT roost.purge_slice(${above}, ${purgeRowsMax}, ${life}) AS next`,
  );
  return slice?.next ?? undefined;
}

/** Counts messages up to an id in slices, up to `surveyMessagesMax` + 1. */
export async function countUpTo(connections: Connections, life: string, endId: bigint): Promise<number> {
  let messages = 0;
  for (let above = 0n; messages <= surveyMessagesMax;) {
    const rowsMax = Math.min(countRowsMax, surveyMessagesMax + 1 - messages);
    const [row] = await connections.run<{ count: bigint; last: bigint | null }[]>(
      (sql) => sql`
        SELECT count(*) AS count, max(id) AS last FROM (
          SELECT id FROM roost.message
          WHERE roost.require_life(${life}) AND id > ${above}::bigint AND id <= ${endId}::bigint
          ORDER BY id LIMIT ${rowsMax}) m`,
    );
    const count = Number(row?.count ?? 0n);
    messages += count;
    if (count < rowsMax) break;
    above = row?.last ?? endId;
  }
  return messages;
}

function markOf({ mark_id, mark_ms, mark_ran_ms }: StateRow): Mark | undefined {
  if (mark_id === null || mark_ms === null || mark_ran_ms === null) return undefined;
  return { id: mark_id, atMs: Number(mark_ms), ranMs: Number(mark_ran_ms) };
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
