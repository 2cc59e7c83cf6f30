// Files that messages name, of a store on PostgreSQL: what is written goes through the batches of changes
// (store/job-store.ts). Like reader.ts, every statement names the life of the store.

import {
  type GoneMedia,
  MediaCalls,
  type MediaItem,
  mediaState,
  type MediaStore,
  type MediaUse,
  type OwnMedia,
  type WriteMedia,
} from "../../media.ts";
import type { Connections } from "../connection.ts";
import type { InLife } from "../life.ts";
import { fromText, toText } from "../text.ts";

interface OwnRow {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly size: bigint;
  readonly is_complete: boolean;
}

export class PostgresMedia extends MediaCalls implements MediaStore {
  private readonly connections: Connections;
  private readonly inLife: InLife;

  constructor(connections: Connections, inLife: InLife, write: WriteMedia) {
    super(write);
    this.connections = connections;
    this.inLife = inLife;
  }

  own(app: string, account: string, ids: readonly string[]): Promise<readonly OwnMedia[]> {
    return this.inLife(async (life) => {
      const rows = await this.connections.run<OwnRow[]>(
        (sql) => sql`
          SELECT m.id, m.name, m.type, m.size, m.state <> ${mediaState.promised} AS is_complete
          FROM unnest(${sql.array(ids.map(toText), "TEXT")}) WITH ORDINALITY AS t (id, position)
          JOIN roost.media m ON m.id = t.id
          JOIN roost.account a ON a.number = m.account
          WHERE roost.require_life(${life}) AND a.app = ${toText(app)} AND a.name = ${toText(account)}
            AND m.state <> ${mediaState.gone}
          ORDER BY t.position`,
      );
      return rows.map(({ is_complete: isComplete, size, ...row }) => ({
        id: row.id,
        name: fromText(row.name),
        type: fromText(row.type),
        size: Number(size),
        isComplete,
      }));
    });
  }

  useOf(app: string, account: string): Promise<MediaUse> {
    return this.inLife(async (life) => {
      const [row] = await this.connections.run<{ bytes: bigint; up_to: bigint }[]>(
        (sql) => sql`
          SELECT coalesce(sum(m.size), 0)::bigint AS bytes,
            coalesce((SELECT max(n.number) FROM roost.media n), 0) AS up_to
          FROM roost.media m
          WHERE roost.require_life(${life}) AND m.state <> ${mediaState.gone}
            AND m.account = (SELECT roost.account_number(${toText(app)}, ${toText(account)}))`,
      );
      return { bytes: Number(row?.bytes ?? 0n), upTo: `${row?.up_to ?? 0n}` };
    });
  }

  ofMessage(app: string, account: string | undefined, messageId: bigint): Promise<readonly MediaItem[] | undefined> {
    return this.inLife(async (life) => {
      const [row] = await this.connections.run<{ media: readonly string[] | null }[]>(
        (sql) => sql`
          SELECT roost.readable_media(${toText(app)}, ${account === undefined ? null : toText(account)}, ${messageId})
            AS media
          WHERE roost.require_life(${life})`,
      );
      return row?.media === undefined || row.media === null ? undefined : mediaIn(row.media);
    });
  }

  gone(after: bigint, limit: number): Promise<readonly GoneMedia[]> {
    return this.inLife((life) =>
      this.connections.run<GoneMedia[]>(
        (sql) => sql`
          SELECT m.number, m.id, m.version FROM roost.media m
          WHERE roost.require_life(${life}) AND m.state = ${mediaState.gone} AND m.number > ${after}
          ORDER BY m.number LIMIT ${limit}`,
      ),
    );
  }
}

/** Decodes an answer of roost.media_of. */
export function mediaIn(media: readonly string[]): MediaItem[] {
  return media.map((json) => {
    const [id, name, type, size]: [string, string, string, number] = JSON.parse(json);
    return { id, name: fromText(name), type: fromText(type), size };
  });
}
