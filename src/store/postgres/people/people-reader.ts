// Reads what accounts let others do, and what they show of themselves. Like reader.ts, every statement names the life
// of the store.

import { assert } from "../../../base/assert.ts";
import { watchGroupMax, watchLooksMax } from "../../../base/limits/fixed.ts";
import type { ConsentState, ConversationName, Profile } from "../../conversations.ts";
import type { Consent } from "../../group-rights.ts";
import type { BlockedPage, OfAccount, StoredBlock, TalkAnswer, TalkRight, WatchAnswer } from "../../people.ts";
import type { Connections } from "../connection.ts";
import { fromText, toText } from "../text.ts";

interface ConsentRow {
  readonly write_rule: Consent;
  readonly add_rule: Consent;
  readonly version: bigint;
}

export class PeopleReader {
  private readonly connections: Connections;

  constructor(connections: Connections) {
    this.connections = connections;
  }

  async blocked(life: string, app: string, account: string, after: string, limit: number): Promise<BlockedPage> {
    const rows = await this.connections.run<{ name: string }[]>(
      (sql) => sql`
        SELECT o.name FROM roost.account a
        JOIN roost.block b ON b.account = a.number
        JOIN roost.account o ON o.number = b.blocked
        WHERE roost.require_life(${life}) AND a.app = ${toText(app)} AND a.name = ${toText(account)}
          AND NOT b.is_off AND o.name > ${toText(after)}
        ORDER BY o.name LIMIT ${limit + 1}`,
    );
    return { accounts: rows.slice(0, limit).map(({ name }) => fromText(name)), hasMore: rows.length > limit };
  }

  async consent(life: string, app: string, account: string): Promise<ConsentState> {
    const [row] = await this.connections.run<ConsentRow[]>(
      (sql) => sql`
        SELECT c.write_rule, c.add_rule, c.version FROM roost.account a
        JOIN roost.consent c ON c.account = a.number
        WHERE roost.require_life(${life}) AND a.app = ${toText(app)} AND a.name = ${toText(account)}`,
    );
    return { write: row?.write_rule ?? "everybody", add: row?.add_rule ?? "everybody", version: row?.version ?? 0n };
  }

  async profiles(
    life: string,
    app: string,
    accounts: readonly string[],
    versions: readonly bigint[],
  ): Promise<Profile[]> {
    const rows = await this.connections.run<Omit<Profile, "account">[]>(
      (sql) => sql`
        SELECT coalesce(p.name, '') AS name, coalesce(p.avatar, '') AS avatar, coalesce(p.extra, '') AS extra,
          coalesce(p.version, 0) AS version
        FROM unnest(${sql.array(accounts.map(toText), "TEXT")}) WITH ORDINALITY AS t (name, position)
        LEFT JOIN roost.account a ON a.app = ${toText(app)} AND a.name = t.name
        LEFT JOIN roost.profile p ON p.account = a.number
        WHERE roost.require_life(${life})
        ORDER BY t.position`,
    );
    return rows.flatMap(({ name, avatar, extra, version }, at) =>
      version === (versions[at] ?? 0n)
        ? []
        : [
            {
              account: accounts[at] ?? "",
              name: fromText(name),
              avatar: fromText(avatar),
              extra: fromText(extra),
              version,
            },
          ],
    );
  }

  async mayTalk(life: string, conversation: OfAccount & ConversationName): Promise<TalkAnswer> {
    const { app, account, toGroup, dest } = conversation;
    const [row] = await this.connections.run<{ verdict: TalkRight; version: bigint | null }[]>(
      (sql) => sql`
        SELECT roost.may_talk(${toText(app)}, ${toText(account)}, ${toGroup}, ${toText(dest)}) AS verdict,
          (SELECT version FROM roost.chat_group WHERE ${toGroup} AND app = ${toText(app)} AND id = ${toText(dest)})
            AS version
        WHERE roost.require_life(${life})`,
    );
    return { right: row?.verdict ?? "forbidden", groupVersion: row?.version ?? 0n };
  }

  async watchable(life: string, app: string, account: string, accounts: readonly string[]): Promise<WatchAnswer> {
    const [row] = await this.connections.run<{ allowed: readonly string[]; decided: bigint; looked: bigint }[]>(
      (sql) => sql`
        SELECT w.allowed, w.decided, w.looked
        FROM roost.watchable_of(${toText(app)}, ${toText(account)}, ${sql.array(accounts.map(toText), "TEXT")},
          ${watchGroupMax}, ${watchLooksMax}) w
        WHERE roost.require_life(${life})`,
    );
    assert(row !== undefined, "a function that returns a row returned one");
    return { allowed: row.allowed.map(fromText), decided: Number(row.decided), looked: Number(row.looked) };
  }

  async guardVersion(life: string): Promise<bigint> {
    const [row] = await this.connections.run<{ version: bigint }[]>(
      (sql) => sql`
        SELECT version FROM roost.guard WHERE roost.require_life(${life}) ORDER BY version DESC LIMIT 1`,
    );
    return row?.version ?? 0n;
  }

  async blocksAfter(life: string, after: bigint, limit: number): Promise<StoredBlock[]> {
    const rows = await this.connections.run<StoredBlock[]>(
      (sql) => sql`
        SELECT b.version, a.app, a.name AS account, o.name AS blocked
        FROM (
          SELECT * FROM roost.block WHERE NOT is_off AND version > ${after} ORDER BY version LIMIT ${limit}
        ) b
        JOIN roost.account a ON a.number = b.account
        JOIN roost.account o ON o.number = b.blocked
        WHERE roost.require_life(${life})
        ORDER BY b.version`,
    );
    return rows.map(({ version, app, account, blocked }) => ({
      version,
      app: fromText(app),
      account: fromText(account),
      blocked: fromText(blocked),
    }));
  }

  async lastSeen(life: string, app: string, accounts: readonly string[]): Promise<number[]> {
    const rows = await this.connections.run<{ minute: bigint }[]>(
      (sql) => sql`
        SELECT coalesce(s.minute, 0) AS minute
        FROM unnest(${sql.array(accounts.map(toText), "TEXT")}) WITH ORDINALITY AS t (name, position)
        LEFT JOIN roost.account a ON a.app = ${toText(app)} AND a.name = t.name
        LEFT JOIN roost.seen s ON s.account = a.number
        WHERE roost.require_life(${life})
        ORDER BY t.position`,
    );
    return rows.map(({ minute }) => Number(minute));
  }
}
