// Files that messages name, in a snapshot of the reader.

import type { Database } from "bun:sqlite";
import { type GoneMedia, type MediaItem, mediaState, type MediaUse, type OwnMedia } from "../../media.ts";
import { messageState } from "../conversations/tables.ts";

interface Row {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly size: bigint;
}
interface OwnRow extends Row {
  readonly state: bigint;
}

/** Whether a message of this state has rows of files; most have none. */
export function hasMedia(state: bigint | null): boolean {
  return state !== null && (state & BigInt(messageState.hasMedia)) !== 0n;
}

export class MediaReader {
  private readonly sql;

  constructor(db: Database) {
    this.sql = {
      own: db.prepare<OwnRow, [string, string, string]>(
        `SELECT m.id, m.name, m.type, m.size, m.state FROM media m JOIN account a ON a.number = m.account
         WHERE m.id = ? AND a.app = ? AND a.name = ? AND m.state <> ${mediaState.gone}`,
      ),
      use: db.prepare<{ bytes: bigint; up_to: bigint }, [string, string]>(
        `SELECT ifnull(sum(m.size), 0) AS bytes, ifnull((SELECT max(number) FROM media), 0) AS up_to FROM media m
         WHERE m.account = (SELECT number FROM account WHERE app = ? AND name = ?) AND m.state <> ${mediaState.gone}`,
      ),
      ofMessage: db.prepare<Row, [bigint]>(
        `SELECT m.id, m.name, m.type, m.size FROM media_use u JOIN media m ON m.id = u.media
         WHERE u.message = ? ORDER BY u.place`,
      ),
      isOfApp: db.prepare<{ one: bigint }, [bigint, string]>(
        "SELECT 1 AS one FROM message m JOIN account a ON a.number = m.sender WHERE m.id = ? AND a.app = ?",
      ),
      gone: db.prepare<GoneMedia, [bigint, number]>(
        `SELECT number, id, version FROM media WHERE state = ${mediaState.gone} AND number > ? ORDER BY number LIMIT ?`,
      ),
    };
  }

  own(app: string, account: string, ids: readonly string[]): readonly OwnMedia[] {
    return ids.flatMap((id) => {
      const row = this.sql.own.get(id, app, account);
      return row === null ? [] : [{ ...itemOf(row), isComplete: row.state !== BigInt(mediaState.promised) }];
    });
  }

  useOf(app: string, account: string): MediaUse {
    const { bytes = 0n, up_to: upTo = 0n } = this.sql.use.get(app, account) ?? {};
    return { bytes: Number(bytes), upTo: `${upTo}` };
  }

  /** The files of a message, whoever may read it. */
  ofMessage(message: bigint): MediaItem[] {
    return this.sql.ofMessage.all(message).map(itemOf);
  }

  /** The same, for who may read all messages of an app; undefined if it is none of them. */
  ofMessageIn(app: string, message: bigint): MediaItem[] | undefined {
    return this.sql.isOfApp.get(message, app) === null ? undefined : this.ofMessage(message);
  }

  gone(after: bigint, limit: number): readonly GoneMedia[] {
    return this.sql.gone.all(after, limit);
  }
}

function itemOf({ id, name, type, size }: Row): MediaItem {
  return { id, name, type, size: Number(size) };
}
