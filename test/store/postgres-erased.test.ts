// What is left of a deleted account in the tables of a store on PostgreSQL.

import { describe, expect, test } from "bun:test";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { deletedAccount } from "../support/deleted-account.ts";
import { databaseForEach, postgresForAll } from "./postgres-setup.ts";
import { draft, stored, talk } from "./samples.ts";

const app = "app";
const eve = "the account whose data is deleted";
const texts = {
  eve,
  body: "the body of a message",
  extra: "what stood beside the text",
  received: "what it was sent",
  clientId: "what a client named a message by",
  receivedClientId: "what another named its message by",
  editClientId: "what a client named its edit by",
  profile: "the name that it showed to all others",
  alias: "the name that it had in a group",
  request: "the words by which it asked to be let in",
};

describe.skipIf(!hasPostgres)("PostgreSQL", () => {
  const server = postgresForAll();
  const db = databaseForEach(server);

  /** The tables that have a row with the text. */
  const tablesWith = async (text: string): Promise<string[]> => {
    const tables: { name: string }[] = await db.sql`
      SELECT tablename AS name FROM pg_tables WHERE schemaname = 'roost' ORDER BY tablename`;
    const found: string[] = [];
    for (const { name } of tables) {
      const rows: unknown[] = await db.sql.unsafe(
        `SELECT FROM roost.${name} t WHERE strpos(t::text, '${text}') > 0 LIMIT 1`,
      );
      if (rows.length > 0) found.push(name);
    }
    return found;
  };

  test("no table has a text, a clientId or the name of a deleted account", async () => {
    const store = await db.open();
    for (const group of [draft({ id: "g1", members: [eve] }), draft({ id: "g2", members: [] })])
      await store.createGroup(group);
    const outcomes = await store.append([
      talk({ sender: eve, body: texts.body, extra: texts.extra, clientId: texts.clientId }),
      talk({ sender: eve, toGroup: true, dest: "g1", body: texts.body, extra: texts.extra, clientId: "in a group" }),
      talk({ sender: "joe", dest: eve, body: texts.received, clientId: texts.receivedClientId }),
      talk({ sender: "ann", toGroup: true, dest: "g1", mentions: [eve, "joe"] }),
    ]);
    const { messageId } = stored(outcomes[0]);
    const edit = { body: texts.body, extra: texts.extra, clientId: texts.editClientId, windowMs: 3_600_000 };
    await store.change({ kind: "edit", app, actor: eve, messageId, ...edit });
    await store.people.setProfile({ app, account: eve, name: texts.profile, avatar: "", extra: "" });
    await store.groups.change({ app, group: "g1", actor: eve, kind: "alias", alias: texts.alias });
    await store.groups.change({ app, group: "g2", actor: "ann", kind: "update", hasApproval: true });
    await store.groups.request({ app, group: "g2", actor: eve, text: texts.request });
    for (const text of Object.values(texts)) expect([text, await tablesWith(text)]).not.toEqual([text, []]);
    await deletedAccount(store.backEnd.data, app, eve);
    for (const text of Object.values(texts)) expect([text, await tablesWith(text)]).toEqual([text, []]);
    expect(await db.number("SELECT count(*) FROM roost.message WHERE client_id IS NOT NULL")).toBe(1);
  });

  test("a clientId that is used again after a week is erased again, by a recall or a deletion", async () => {
    const store = await db.open();
    const sent = async (dest: string, clientId: string): Promise<bigint> => {
      const [outcome] = await store.append([talk({ sender: "joe", dest, clientId })]);
      expect(stored(outcome)).toMatchObject({ repeated: false });
      return stored(outcome).messageId;
    };
    const recall = (messageId: bigint) =>
      store.change({ kind: "recall", app, actor: "joe", messageId, windowMs: 3_600_000 });
    const clientIds = ["recalled twice", "recalled, and then sent to a deleted account"];
    for (const clientId of clientIds) await recall(await sent(eve, clientId));
    await db.sql`UPDATE roost.erased_sender SET newest_id = newest_id - (${8 * 86_400_000}::bigint << 22)`;
    const [again = 0n] = await Promise.all(clientIds.map((clientId) => sent(eve, clientId)));
    expect(await recall(again)).toMatchObject({ result: "stored" });
    const [repeated] = await store.append([talk({ sender: "joe", dest: eve, clientId: clientIds[0]! })]);
    expect(repeated).toMatchObject({ repeated: true, messageId: again });
    await deletedAccount(store.backEnd.data, app, eve);
    for (const clientId of clientIds) expect([clientId, await tablesWith(clientId)]).toEqual([clientId, []]);
  });
});
