// Reads what has changed in an account's own state since a version.

import { hiddenCount, mergedState } from "../../account-state.ts";
import type { AccountState, BlockState, SettingState } from "../../conversations.ts";
import type { Consent } from "../../group-rights.ts";
import { StoreUnavailable } from "../../store.ts";
import type { Connections } from "../connection.ts";
import { fromText, toText } from "../text.ts";

interface Row {
  readonly last_id: bigint;
  readonly since: bigint;
  /** As JSON, the oldest version first: [account, group, isPinned, isMuted, hiddenId, clearedTo, version]. */
  readonly settings: readonly string[];
  /** As JSON, likewise: [account, isOff, version]. */
  readonly blocks: readonly string[];
  /** As JSON, likewise: [id, version]. */
  readonly hidden: readonly string[];
  readonly write_rule: Consent | null;
  readonly add_rule: Consent | null;
  readonly consent_version: bigint | null;
  readonly name: string | null;
  readonly avatar: string | null;
  readonly extra: string | null;
  readonly profile_version: bigint | null;
}

/** See ConversationStore.accountState; of the store of this life. */
export async function readState(
  connections: Connections,
  life: string,
  {
    app,
    account,
    since,
    limit,
  }: { readonly app: string; readonly account: string; readonly since: bigint; readonly limit: number },
): Promise<AccountState> {
  const [row] = await connections.run<Row[]>(
    (sql) => sql`
      SELECT v.last_id, v.since,
        ARRAY(
          SELECT json_build_array(
            o.name, g.id, c.is_pinned, c.is_muted, c.hidden_id::text, c.cleared_id::text, c.version::text)::text
          FROM (
            SELECT * FROM roost.conversation s
            WHERE s.account = a.number AND s.version > v.since AND s.version > 0
            ORDER BY s.version LIMIT ${limit + 1}
          ) c
          LEFT JOIN roost.account o ON o.number = c.other
          LEFT JOIN roost.chat_group g ON g.number = -c.other
          ORDER BY c.version
        ) AS settings,
        ARRAY(
          SELECT json_build_array(o.name, b.is_off, b.version::text)::text
          FROM (
            SELECT * FROM roost.block s
            WHERE s.account = a.number AND s.version > v.since AND s.version > 0 ORDER BY s.version LIMIT ${limit + 1}
          ) b
          JOIN roost.account o ON o.number = b.blocked
          ORDER BY b.version
        ) AS blocks,
        ARRAY(
          SELECT json_build_array(h.id::text, h.version::text)::text FROM roost.hidden h
          WHERE h.account = a.number AND h.version > v.since ORDER BY h.version, h.id LIMIT ${hiddenCount(limit)}
        ) AS hidden,
        t.write_rule, t.add_rule, t.version AS consent_version,
        p.name, p.avatar, p.extra, p.version AS profile_version
      FROM (
        -- A version above the last id is from before a backup was restored.
        SELECT q.last_id, CASE WHEN ${since} > q.last_id THEN 0 ELSE ${since} END AS since
        FROM roost.sequence q OFFSET 0
      ) v
      LEFT JOIN roost.account a ON a.app = ${toText(app)} AND a.name = ${toText(account)}
      LEFT JOIN roost.consent t ON t.account = a.number
      LEFT JOIN roost.profile p ON p.account = a.number
      WHERE roost.require_life(${life})`,
  );
  if (row === undefined) throw new StoreUnavailable("the store has lost its row of the last id");
  return mergedState(
    {
      last: row.last_id,
      since: row.since,
      settings: row.settings.map(settingOf),
      blocks: row.blocks.map(blockOf),
      consent: {
        write: row.write_rule ?? "everybody",
        add: row.add_rule ?? "everybody",
        version: row.consent_version ?? 0n,
      },
      profile: {
        account,
        name: fromText(row.name ?? ""),
        avatar: fromText(row.avatar ?? ""),
        extra: fromText(row.extra ?? ""),
        version: row.profile_version ?? 0n,
      },
      hidden: row.hidden.map((json) => {
        const [id, version]: [string, string] = JSON.parse(json);
        return { id: BigInt(id), version: BigInt(version) };
      }),
    },
    limit,
  );
}

function settingOf(json: string): SettingState {
  const [account, group, isPinned, isMuted, hiddenId, clearedTo, version]: [
    string | null,
    string | null,
    boolean,
    boolean,
    string,
    string,
    string,
  ] = JSON.parse(json);
  return {
    toGroup: group !== null,
    dest: fromText(group ?? account ?? ""),
    isPinned,
    isMuted,
    hiddenId: BigInt(hiddenId),
    clearedTo: BigInt(clearedTo),
    version: BigInt(version),
  };
}

function blockOf(json: string): BlockState {
  const [account, isOff, version]: [string, boolean, string] = JSON.parse(json);
  return { account: fromText(account), isOff, version: BigInt(version) };
}
