// Moves read cursors, on a connection of its own beside the writer's: what arrives while a batch is under way goes into
// the next one, in order.

import { assert } from "../../base/assert.ts";
import type { ReadMark, ReadOutcome } from "../conversations.ts";
import { StoreUnavailable } from "../store.ts";
import type { Connections } from "./connection.ts";
import type { InLife } from "./life.ts";
import { toText } from "./text.ts";

const batchMax = 500;
/** Some seconds' worth. */
const waitingMax = 20_000;

interface Waiting {
  readonly mark: ReadMark;
  readonly resolve: (outcome: ReadOutcome) => void;
  readonly reject: (error: unknown) => void;
}

interface Row {
  readonly former_id: bigint | null;
  readonly read_id: bigint;
  readonly is_private: boolean;
}

export class ReadMarks {
  private readonly connections: Connections;
  private readonly inLife: InLife;
  private waiting: Waiting[] = [];
  private sending: Promise<void> | undefined;

  constructor(connections: Connections, inLife: InLife) {
    this.connections = connections;
    this.inLife = inLife;
  }

  /** See ConversationStore.markRead. Rejects with StoreUnavailable if too many are waiting. */
  add(mark: ReadMark): Promise<ReadOutcome> {
    if (this.waiting.length >= waitingMax) {
      return Promise.reject(new StoreUnavailable("too many read cursors are waiting for the store"));
    }
    return new Promise((resolve, reject) => {
      this.waiting.push({ mark, resolve, reject });
      this.sending ??= this.send();
    });
  }

  /** Moves what is waiting first. No cursor may be added any more. */
  async close(): Promise<void> {
    await this.sending;
    await this.connections.close();
  }

  private async send(): Promise<void> {
    // The calls of the same turn share a batch.
    await Promise.resolve();
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, batchMax);
      try {
        const rows = await this.inLife((life) => this.write(life, batch));
        assert(rows.length === batch.length, "each mark has its row");
        for (const [index, { mark, resolve }] of batch.entries()) resolve(outcomeOf(mark, rows[index]));
      } catch (error) {
        // What waits would wait for the same time limit.
        for (const { reject } of [...batch, ...this.waiting.splice(0)]) reject(error);
      }
    }
    this.sending = undefined;
  }

  private write(life: string, batch: readonly Waiting[]): Promise<Row[]> {
    return this.connections.run<Row[]>((sql) => {
      const texts = (pick: (mark: ReadMark) => string) =>
        sql.array(
          batch.map(({ mark }) => toText(pick(mark))),
          "TEXT",
        );
      return sql`SELECT former_id, read_id, is_private FROM roost.move_cursors(
        ${life}, ${texts(({ app }) => app)}, ${texts(({ account }) => account)},
        ${sql.array(
          batch.map(({ mark }) => mark.toGroup),
          "BOOLEAN",
        )},
        ${texts(({ dest }) => dest)},
        ${sql.array(
          batch.map(({ mark }) => mark.messageId),
          "BIGINT",
        )})`;
    });
  }
}

function outcomeOf({ messageId }: ReadMark, row: Row | undefined): ReadOutcome {
  const former = row?.former_id ?? null;
  if (row === undefined || former === null) return { result: "notFound" };
  if (former < 0n) return { result: "future" };
  const result = messageId > former ? "moved" : "unchanged";
  return { result, readId: row.read_id, ...(row.is_private && { isPrivate: true }) };
}
