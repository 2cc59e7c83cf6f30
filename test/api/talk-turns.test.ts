// The turns of requests to many receivers.

import { expect, test } from "bun:test";
import { TalkTurns } from "../../src/api/talk-turns.ts";

test("when there is no room, keys take turns, however many requests one of them has", async () => {
  const turns = new TalkTurns();
  for (let at = 0; at < 8; at++) expect(turns.take("busy", 500)).toBeUndefined();
  const begun: string[] = [];
  const wait = async (name: string, key: string) => {
    await turns.take(key, 500);
    begun.push(name);
  };
  const all = [wait("busy 1", "busy"), wait("busy 2", "busy"), wait("busy 3", "busy"), wait("other 1", "other")];
  for (const count of [1, 2, 3, 4]) {
    turns.release(500);
    // Promises that were resolved have run.
    await new Promise<void>((resolve) => void setImmediate(resolve));
    expect(begun.length).toBe(count);
  }
  await Promise.all(all);
  expect(begun).toEqual(["busy 1", "other 1", "busy 2", "busy 3"]);
  for (let at = 0; at < 8; at++) turns.release(500);
  expect(turns.take("other", 4_000)).toBeUndefined();
});
