// The last page of an import on SQLite, where read cursors are in a file beside the log.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import type { DataRecord } from "../../src/store/data-records.ts";
import { worlds } from "./log-and-runs.ts";

const newWorld = worlds();

test("the last page is one transaction, and a repetition still knows the messages that accounts have read", () => {
  const world = newWorld(100);
  const process = world.start();
  const message = (id: number): DataRecord => ({
    message: { messageId: `${id}`, sender: "ann", account: "bob", sendTime: "5", body: `${id}` },
  });
  const view = (account: string, peer: string, id: number): DataRecord => ({
    conversation: { account, peer, readTo: `${id}` },
  });
  const imported = (cursor: string, records: readonly DataRecord[], isLast: boolean): unknown =>
    process.writer.backEnd({ call: "import", page: { app: "app", name: "copy", cursor, records, isLast } });
  expect(imported("", [10, 11, 12].map(message), false)).toMatchObject({ stored: 3 });
  const records = [message(13), view("bob", "ann", 13), view("ann", "bob", 11), view("bob", "bob", 99)];
  const found = expect.stringMatching(/^[1-9]\d+$/);
  const answer = {
    ...{ result: "stored", cursor: "7", stored: 7 },
    reads: [
      { app: "app", account: "bob", toGroup: false, dest: "ann", messageId: found },
      { app: "app", account: "ann", toGroup: false, dest: "bob", messageId: found },
    ],
  };
  const first = imported("3", records, true);
  expect(first).toEqual({ ...answer, isRepeated: false });
  using log = new Database(world.path, { readonly: true });
  expect(log.query("SELECT import_state FROM app_data").all()).toEqual([{ import_state: "complete" }]);
  // Of four messages, the ids of those two.
  expect(log.query("SELECT pairs FROM import_page").all()).toHaveLength(1);
  for (let times = 0; times < 2; times++)
    expect(imported("3", records, true)).toEqual({ ...Object(first), isRepeated: true });
  expect(imported("7", [message(14)], false)).toEqual({ result: "live", isComplete: true });
  process.die();
});
