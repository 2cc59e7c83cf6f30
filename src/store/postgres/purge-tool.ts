// The operator's purge (store/purge.ts) on PostgreSQL. The operator vouches for the database's clock: the wait of the
// horizon and that of the trusted time end.

import { systemClock } from "../../base/clock.ts";
import { firstHorizon, waitMsOf } from "../horizon.ts";
import { purgePauseMs, purgeRowsMax, type PurgeSurvey, type PurgeTool } from "../purge.ts";
import { Connections } from "./connection.ts";
import { countUpTo, Horizons, lastIdAt, readTime, saveTime, type TimeState } from "./horizons.ts";
import { migrate } from "./migrate.ts";

/** Nobody but the operator waits. */
const answerMsMax = 60_000;

/** Brings the schema up to date. Rejects with StoreUnavailable like the opening of the store. */
export async function openPostgresPurge(url: string): Promise<PurgeTool> {
  await migrate(url);
  return new PostgresPurge(new Connections({ url, connectionsMax: 1, idleSecondsMax: 0, answerMsMax }));
}

class PostgresPurge implements PurgeTool {
  private readonly connections: Connections;

  constructor(connections: Connections) {
    this.connections = connections;
  }

  async survey(asked: number | undefined): Promise<PurgeSurvey> {
    const { wallMs, committedMs, messages, time } = await this.read();
    const keepMs = asked ?? messages?.keepMs;
    let count = 0;
    if (keepMs !== undefined) {
      // Where the clock is vouched for marks are made later: looking so much further back is the same.
      const endId = await lastIdAt(this.connections, wallMs - keepMs - Math.max(0, time.leaptMs));
      count = await countUpTo(this.connections, endId);
    }
    const waitMs = messages === undefined ? 0 : waitMsOf(messages);
    return { keepMs, wallMs, committedMs, messages: count, waitMs };
  }

  async purgeNow(keepMs: number, deleted: (messages: number) => void): Promise<number> {
    const { wallMs } = await this.vouch(keepMs);
    const endId = await lastIdAt(this.connections, wallMs - keepMs);
    let messages = 0;
    for (let above: bigint | null = endId === 0n ? null : 0n; above !== null; await Bun.sleep(purgePauseMs)) {
      const slice = await this.deleteSlice(above, endId);
      if (slice.is_busy) continue;
      messages += Number(slice.messages);
      deleted(messages);
      above = slice.next_id;
    }
    return messages;
  }

  close(): Promise<void> {
    return this.connections.close();
  }

  /** The horizons arrive at the database's clock, and no mark is of the future. */
  private async vouch(keepMs: number): Promise<TimeState> {
    for (;;) {
      const state = await this.read();
      const { wallMs, time } = state;
      const isSaved = await saveTime(this.connections, state, {
        time: { horizon: firstHorizon(0, wallMs, undefined), ranMs: time.ranMs, leaptMs: 0 },
        messages: firstHorizon(keepMs, wallMs, undefined),
        marks: [],
        laterMs: Math.max(0, time.leaptMs),
        latestMs: wallMs,
      });
      if (!isSaved) continue;
      await this.connections.run((sql) => sql`UPDATE roost.mark SET at_ms = ${wallMs} WHERE at_ms > ${wallMs}`);
      return state;
    }
  }

  private async read(): Promise<TimeState> {
    const state = await readTime(this.connections);
    if (state.firstMarks.length === 0) return state;
    // No server has looked at this store yet: it gets its marks now.
    await new Horizons(this.connections, systemClock, undefined).look();
    return readTime(this.connections);
  }

  private async deleteSlice(above: bigint, endId: bigint): Promise<SliceRow> {
    const [row] = await this.connections.run<SliceRow[]>(
      (sql) => sql`SELECT next_id, messages, is_busy FROM roost.delete_slice(${above}, ${endId}, ${purgeRowsMax})`,
    );
    return row ?? { next_id: null, messages: 0n, is_busy: false };
  }
}

interface SliceRow {
  readonly next_id: bigint | null;
  readonly messages: bigint;
  /** Another process deletes. */
  readonly is_busy: boolean;
}
