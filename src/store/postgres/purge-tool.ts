// The operator's purge (store/purge.ts) on PostgreSQL. The operator confirms the database's clock, which ends the waits
// of the horizon and of the trusted time.

import { firstHorizon, lookAt, waitMsOf } from "../horizon.ts";
import { purgePauseMs, purgeRowsMax, type PurgeSurvey, type PurgeTool } from "../purge.ts";
import { Connections } from "./connection.ts";
import { countUpTo, lastIdAt, ofMessages, readTime, saveTime, type TimeState } from "./horizons.ts";
import { requireCurrent } from "./migrate.ts";
import { findToolPlace, type ToolPlace } from "./primary/tool-place.ts";

/** Only the operator waits. */
const answerMsMax = 60_000;

/**
 * Opens the store at `hosts`; rejects with StoreUnavailable if there is none, or if it is another program's, and as
 * findToolPlace does.
 */
export async function openPostgresPurge(hosts: string, isAsync: boolean): Promise<PurgeTool> {
  const { url, confirm } = await findToolPlace(hosts, isAsync);
  await requireCurrent(url);
  return new PostgresPurgeTool(new Connections({ url, connectionsMax: 1, idleSecondsMax: 0, answerMsMax }), confirm);
}

class PostgresPurgeTool implements PurgeTool {
  private readonly connections: Connections;
  private readonly confirmHeld: ToolPlace["confirm"];

  constructor(connections: Connections, confirm: ToolPlace["confirm"]) {
    this.connections = connections;
    this.confirmHeld = confirm;
  }

  async survey(asked: number | undefined): Promise<PurgeSurvey> {
    const state = await readTime(this.connections);
    const { wallMs, committedMs } = state;
    const keepMs = asked ?? state.messages?.keepMs;
    const nothing = { keepMs, wallMs, committedMs, messages: 0, waitMs: 0 };
    if (keepMs === undefined) return nothing;
    // Confirming the clock moves marks later; looking further back by as much gives the same result.
    const endId = await lastIdAt(this.connections, wallMs - keepMs - Math.max(0, state.time.leaptMs));
    const horizon = lookAt(ofMessages(state, keepMs), keepMs, { wallMs, monotonicMs: 0 }, undefined);
    return { ...nothing, messages: await countUpTo(this.connections, state.life, endId), waitMs: waitMsOf(horizon) };
  }

  async purgeNow(keepMs: number, deleted: (messages: number) => void): Promise<number> {
    const { wallMs, life } = await this.confirm(keepMs);
    const endId = await lastIdAt(this.connections, wallMs - keepMs);
    let messages = 0;
    for (let above: bigint | null = endId === 0n ? null : 0n; above !== null; await Bun.sleep(purgePauseMs)) {
      const slice = await this.deleteSlice(life, above, endId);
      if (slice.is_busy) continue;
      messages += Number(slice.messages);
      deleted(messages);
      above = slice.next_id;
    }
    if (this.confirmHeld !== undefined) await this.connections.run(this.confirmHeld);
    return messages;
  }

  close(): Promise<void> {
    return this.connections.close();
  }

  /** Moves the horizons to the database's clock, and marks in the future back to it. */
  private async confirm(keepMs: number): Promise<TimeState> {
    for (;;) {
      const state = await readTime(this.connections);
      const { wallMs, time } = state;
      const isSaved = await saveTime(this.connections, state, {
        time: { horizon: firstHorizon(0, wallMs, undefined), ranMs: time.ranMs, leaptMs: 0 },
        messages: firstHorizon(keepMs, wallMs, undefined),
        marks: state.firstMarks,
        laterMs: Math.max(0, time.leaptMs),
        latestMs: wallMs,
      });
      if (!isSaved) continue;
      await this.connections.run((sql) => sql`UPDATE roost.mark SET at_ms = ${wallMs} WHERE at_ms > ${wallMs}`);
      return state;
    }
  }

  private async deleteSlice(life: string, above: bigint, endId: bigint): Promise<SliceRow> {
    const [row] = await this.connections.run<SliceRow[]>(
      (sql) => sql`
        SELECT next_id, messages, is_busy FROM roost.delete_slice(${above}, ${endId}, ${purgeRowsMax}, ${life})`,
    );
    return row ?? { next_id: null, messages: 0n, is_busy: false };
  }
}

interface SliceRow {
  readonly next_id: bigint | null;
  readonly messages: bigint;
  readonly is_busy: boolean;
}
