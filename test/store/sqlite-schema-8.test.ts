// A SQLite store of schema 8 is upgraded. A process of schema 8 goes on until it is restarted.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { banMsMax } from "../../src/base/limits/fixed.ts";
import { checkStore } from "../../src/store/sqlite/check.ts";
import { endings } from "../support/endings.ts";
import { backToSchema8 } from "../support/former-schema.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";
import { stored, talk } from "./samples.ts";
import { openAt } from "./sqlite-files.ts";

const freshPath = temporaryPaths("schema-8-");
const ends = endings();
const ann = { app: "app", account: "ann" };

test("keeps what it has, and bans and keys from then on; a program of schema 8 leaves bans as they are", async () => {
  const path = freshPath();
  const former = await openAt(path, 0);
  await former.revoke({ ...ann, kind: "revoke", device: undefined, beforeMs: 1_000 });
  const { messageId } = stored((await former.append([talk()]))[0]);
  await former.close();
  const db = new Database(path);
  ends.push(() => db.close());
  backToSchema8(db);
  for (const index of ["member_order", "entry_client", "conversation_pinned"]) db.run(`DROP INDEX ${index}`);

  const store = await openAt(path, 0);
  ends.push(() => store.close());
  expect(await store.revocations(0n, 9)).toMatchObject([{ ...ann, beforeMs: 1_000 }]);
  await store.ban({ ...ann, beforeMs: 2_000, untilMs: banMsMax });
  // As that program replaces a row: by its place, and with as many values as there are columns.
  const [ban] = await store.revocations(0n, 9);
  const nextId = ((ban?.id ?? 0n) + 1n).toString();
  db.run("PRAGMA busy_timeout = 5000");
  db.run("BEGIN IMMEDIATE");
  db.run("DELETE FROM revocation WHERE account = 'ann'");
  db.run(`INSERT INTO revocation VALUES (${nextId}, 'app', 'ann', 'revoke', NULL, 3000)`);
  db.run(`UPDATE sequence SET last_id = ${nextId}`);
  db.run("COMMIT");
  expect(await store.revocations(0n, 9)).toMatchObject([{ ...ann, beforeMs: 3_000, untilMs: banMsMax }]);
  const draft = { id: "0123", hash: "0123", app: "*", scopes: ["*"], name: "ops" };
  expect(await store.backEnd.keys.create(draft)).toMatchObject({ result: "stored", key: draft });
  expect(stored((await store.append([talk()]))[0]).messageId).toBeGreaterThan(messageId);
  const late = "name IN ('member_order', 'entry_client', 'conversation_pinned')";
  expect(db.query<{ rows: number }, []>(`SELECT count(*) AS rows FROM sqlite_schema WHERE ${late}`).get()?.rows).toBe(
    3,
  );
  expect(checkStore(path, () => undefined).logProblems).toEqual([]);
});
