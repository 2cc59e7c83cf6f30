// Whom accounts let write to them, as the writer remembers it: it answers as the tables say, whatever it has answered
// before.

import type { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { openConnection } from "../../src/store/sqlite/connection.ts";
import { Guards } from "../../src/store/sqlite/people/guards.ts";
import { KnownWriters } from "../../src/store/sqlite/people/known-writers.ts";
import { migrate } from "../../src/store/sqlite/schema.ts";
import { Random, testSeed } from "../support/random.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";

const freshPath = temporaryPaths("sqlite-guards-");

function freshDatabase(): Database {
  const path = freshPath();
  writeFileSync(path, "");
  const db = openConnection({ path, synchronous: "OFF", cacheKib: 256 });
  migrate(db, path);
  return db;
}

const [ann, bob, cy] = [1n, 2n, 3n];

function block(db: Database, { account, blocked, version }: { account: bigint; blocked: bigint; version: bigint }) {
  db.run("INSERT INTO block (account, state, blocked, version) VALUES (?, 'on', ?, ?)", [account, blocked, version]);
}

test("who was let write is refused once blocked, by this process or another", () => {
  const db = freshDatabase();
  block(db, { account: ann, blocked: cy, version: 10n });
  const guards = new Guards(db);
  guards.follow(10n);
  const mayWrite = (): boolean | undefined => guards.mayReach(bob, ann, "write", undefined);
  expect([mayWrite(), mayWrite()]).toEqual([true, true]);
  block(db, { account: ann, blocked: bob, version: 11n });
  guards.guard(ann);
  expect(mayWrite()).toBe(false);
  db.run("UPDATE block SET state = 'off', version = 12 WHERE blocked = ?", [bob]);
  guards.follow(12n);
  expect([mayWrite(), mayWrite()]).toEqual([true, true]);
  // Another process.
  db.run("UPDATE block SET state = 'on', version = 13 WHERE blocked = ?", [bob]);
  guards.follow(13n);
  expect(mayWrite()).toBe(false);
  db.close();
});

test("who may write to an account is not let add it to groups", () => {
  const db = freshDatabase();
  db.run("INSERT INTO consent (account, version, write_rule, add_rule) VALUES (1, 10, 'everybody', 'nobody')");
  const guards = new Guards(db);
  guards.follow(10n);
  for (let time = 0; time < 2; time++) {
    expect(guards.mayReach(bob, ann, "write", undefined)).toBe(true);
    expect(guards.mayReach(bob, ann, "add", undefined)).toBe(false);
  }
  db.close();
});

test("a conversation counts as long as the writer may remember it", () => {
  const db = freshDatabase();
  db.run("INSERT INTO consent (account, version, write_rule, add_rule) VALUES (1, 10, 'conversations', 'everybody')");
  const guards = new Guards(db);
  guards.follow(10n);
  const mayWrite = (hasPair?: boolean): boolean | undefined => guards.mayReach(bob, ann, "write", hasPair);
  expect(mayWrite()).toBeUndefined();
  expect(mayWrite(false)).toBe(false);
  expect(mayWrite()).toBeUndefined();
  expect([mayWrite(true), mayWrite()]).toEqual([true, true]);
  guards.forgetPairs();
  expect(mayWrite()).toBeUndefined();
  db.close();
});

test("a table of pairs knows none that was not added", () => {
  const random = new Random(testSeed("guards: random pairs"));
  const known = new KnownWriters();
  const added = new Set<string>();
  let found = 0;
  for (let step = 0; step < 200_000; step++) {
    const pair = [BigInt(1 + random.below(2_000)), BigInt(1 + random.below(2_000))] as const;
    if (known.has(...pair)) {
      found++;
      expect(added.has(String(pair))).toBe(true);
    }
    known.add(...pair);
    expect(known.has(...pair)).toBe(true);
    added.add(String(pair));
    if (random.below(50_000) > 0) continue;
    known.clear();
    added.clear();
    expect(known.has(...pair)).toBe(false);
  }
  expect(found).toBeGreaterThan(0);
});
