// The suite of files that messages name, on PostgreSQL; and that the retention and a day without a message remove them.

import { beforeEach, describe, expect, test } from "bun:test";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { mediaState } from "../../src/store/media.ts";
import { checkPostgres } from "../../src/store/postgres/check.ts";
import { keyedMs } from "../../src/store/trusted-time.ts";
import type { Store } from "../../src/store/store.ts";
import { mediaTests } from "./media-tests.ts";
import { openForAll } from "./opened-store.ts";
import { postgresPlace } from "./postgres-place.ts";
import { databaseForEach, postgresForAll, scannedTables } from "./postgres-setup.ts";
import { stored, talk } from "./samples.ts";

const item = { id: "kept", name: "n", type: "t/t", size: 1 };

describe.skipIf(!hasPostgres)("PostgreSQL", () => {
  const server = postgresForAll();
  describe("PostgreSQL store, media", () => mediaTests(openForAll(() => postgresPlace(server()))));

  describe("media in a PostgreSQL store", () => {
    const db = databaseForEach(server);
    let store: Store;
    beforeEach(async () => {
      store = await db.open();
    });
    const promise = (id: string) => store.media.promise({ app: "app", account: "ann", ...item, id });
    const say = async (...ids: string[]): Promise<bigint> =>
      stored((await store.append([talk({ media: ids.map((id) => ({ ...item, id })) })]))[0]).messageId;
    const states = async () => {
      const rows: { id: string; state: number; uses: bigint }[] = await db.sql`SELECT id, state, uses FROM roost.media`;
      return Object.fromEntries(rows.map(({ id, state, uses }) => [id, [state, Number(uses)]]));
    };
    const { promised, named, gone } = mediaState;

    test("what the retention deletes takes its files along; a file without a message goes after the keys", async () => {
      for (const id of ["kept", "sent", "waits"]) await promise(id);
      await store.media.complete("app", "ann", ["kept", "sent"]);
      await say("kept", "sent");
      const last = await say("sent");
      await say("kept");
      await promise("young");
      await db.sql`SELECT roost.delete_slice(0, ${last}, 100, null)`;
      expect(await states()).toEqual({
        kept: [named, 1],
        sent: [gone, 0],
        waits: [promised, 0],
        young: [promised, 0],
      });
      const life = await db.life();
      const expire = () => db.sql`SELECT roost.expire_media(${life}, 10)`;
      await db.sql`DELETE FROM roost.mark`;
      await db.sql`INSERT INTO roost.mark (id, at_ms, ran_ms) VALUES (${last}, 1, 1000)`;
      await db.sql`UPDATE roost.look SET ran_ms = ${1000 + keyedMs - 1}`;
      await expire();
      expect((await states())["waits"]).toEqual([promised, 0]);
      await db.sql`UPDATE roost.look SET ran_ms = ${1000 + keyedMs}`;
      await expire();
      expect(await states()).toMatchObject({ waits: [gone, 0], young: [promised, 0], kept: [named, 1] });
      expect((await checkPostgres(db.url, () => undefined)).problems).toEqual([]);
    });

    test("a talk passes over a file whose last message a purge is deleting, and waits for nothing", async () => {
      for (const id of ["one", "two"]) await promise(id);
      await store.media.complete("app", "ann", ["one", "two"]);
      const old = await say("one");
      await db.sql`BEGIN`;
      await db.sql`SELECT roost.delete_slice(0, ${old}, 100, null)`;
      const [refused, other] = await store.append([
        talk({ media: [{ ...item, id: "one" }] }),
        talk({ media: [{ ...item, id: "two" }] }),
      ]);
      expect([refused?.result, other?.result]).toEqual(["mediaUnusable", "stored"]);
      await db.sql`COMMIT`;
      expect(await states()).toEqual({ one: [gone, 0], two: [named, 1] });
    });

    test("every look-up is one by an index, also where the tables were empty when it was planned", async () => {
      for (let round = 0; round < 3; round++) {
        await promise(`m${round}`);
        await store.media.complete("app", "ann", [`m${round}`]);
        await store.media.own("app", "ann", [`m${round}`]);
        const id = await say(`m${round}`);
        await store.media.ofMessage("app", "bob", id);
        await store.media.ofMessage("app", undefined, id);
        await store.messages("app", "bob", [id]);
        await store.change({ kind: "recall", app: "app", actor: "ann", messageId: id, windowMs: 9_000_000_000 });
        await store.media.gone(0n, 10);
        await store.media.forget([`m${round}`]);
      }
      await store.close();
      expect(await scannedTables(db)).toEqual([]);
    });
  });
});
