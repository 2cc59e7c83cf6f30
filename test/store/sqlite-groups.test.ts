// Groups and people in the files of SQLite: what housekeeping removes, what the clock ends, what a check finds wrong,
// and what a backup holds.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { joinRequestDays } from "../../src/base/limits/fixed.ts";
import type { GroupCall } from "../../src/store/change-jobs.ts";
import type { GroupChange } from "../../src/store/groups.ts";
import { backUp } from "../../src/store/sqlite/backup/backup.ts";
import { receive } from "../../src/store/sqlite/backup/restore.ts";
import { checkStore } from "../../src/store/sqlite/check.ts";
import { PurgeSlices } from "../../src/store/sqlite/purge-slices.ts";
import type { Store } from "../../src/store/store.ts";
import { endings } from "../support/endings.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";
import { Process } from "./log-process.ts";
import { draft, stored, talk } from "./samples.ts";
import { openAt } from "./sqlite-files.ts";

const freshPath = temporaryPaths("sqlite-groups-");
const ends = endings();
const daySeconds = 86_400;

/** A store's writer and reader under a clock of the test's. */
class Clocked {
  readonly path = freshPath();
  readonly process: Process;
  ms = Date.UTC(2026, 5, 1);

  constructor() {
    writeFileSync(this.path, "");
    const clock = {
      wallMs: () => this.ms,
      wallNs: () => BigInt(this.ms) * 1_000_000n,
      monotonicMs: () => this.ms,
    };
    this.process = new Process(this.path, "w", clock, 1_000);
    ends.push(() => this.process.die());
  }

  create(members: readonly string[]): void {
    this.process.writer.commit([{ kind: "create", draft: draft({ members }), isWhole: true }]);
  }

  call(call: GroupCall): string {
    const [result] = this.process.writer.commitChanges([{ kind: "group", call }]);
    return result === undefined || result === "needsPairs" ? "needsPairs" : result.outcome.result;
  }

  change(change: Exclude<GroupChange, { readonly kind: "mute" }>): string {
    return this.call({ call: "change", change });
  }

  /** The rows of a query. */
  rows(sql: string): unknown[] {
    return this.process.look((_, log) => log.query(sql).all());
  }
}

const of = { app: "app", group: "g1", actor: "ann" };

test("the rows of a dismissed group are closed in slices, and nothing shows of it but the counts", () => {
  const store = new Clocked();
  store.create(Array.from({ length: 1_200 }, (_, i) => `m${i}`));
  store.change({ ...of, kind: "update", hasApproval: true });
  store.call({ call: "invite", ...of, code: "code", validSeconds: 1_000, uses: 0 });
  store.call({ call: "request", ...of, actor: "joe", text: "" });
  const [before] = store.rows("SELECT last_id FROM sequence");
  expect(store.change({ ...of, kind: "dismiss" })).toBe("stored");
  const { writer, reader } = store.process;
  const shown = () =>
    ["ann", "m7", "joe"].map((account) => [
      reader.entries({
        kind: "entries",
        ...{ app: "app", account, device: "", after: "1", includeSent: true, includeEvents: true, limit: 9 },
      }),
      reader.detail("app", "g1", account),
      reader.membership("app", "g1"),
      reader.people({ ask: "groups", app: "app", account, after: "", limit: 9 }, store.ms),
      writer.commit([{ kind: "quit", change: { app: "app", group: "g1", actor: account, account } }])[0],
      store.change({ ...of, actor: account, kind: "dismiss" }),
      store.call({ call: "request", ...of, actor: account, text: "" }),
    ]);
  const open = `SELECT count(*) AS n FROM member WHERE until_id IS NULL`;
  const left = (): unknown[] => store.rows("SELECT 1 FROM invitation UNION ALL SELECT 1 FROM join_request");
  const first = shown();
  expect([store.rows(open), left().length]).toEqual([[{ n: 1_201n }], 2]);
  let turns = 0;
  while (writer.purge()) turns++;
  expect(turns).toBe(2);
  expect(shown()).toEqual(first);
  expect([store.rows(open), left()]).toEqual([[{ n: 0n }], []]);
  expect(store.rows("SELECT count(*) AS n FROM group_count WHERE own + put > 0")).toEqual([{ n: 0n }]);
  expect(store.rows("SELECT count(*) AS n FROM member WHERE until_id <= 1")).toEqual([{ n: 0n }]);
  expect(before).toBeDefined();
  expect(checkStore(store.path, () => undefined).logProblems).toEqual([]);
});

test("a mute, an invitation and a request end by the clock", () => {
  const store = new Clocked();
  store.create(["bob"]);
  store.change({ ...of, kind: "update", hasApproval: true });
  const now = store.ms / 1_000;
  const mute = { ...of, kind: "mute", account: "bob", until: `${now + 60}` } as const;
  expect(store.call({ call: "change", change: mute })).toBe("stored");
  store.call({ call: "invite", ...of, code: "code", validSeconds: 60, uses: 0 });
  store.call({ call: "request", ...of, actor: "joe", text: "" });
  const said = (): bigint | undefined => {
    const job = { ...talk({ sender: "bob", toGroup: true, dest: "g1" }), kind: "talk", toKnown: false } as const;
    const { mentions: _, replyTo: __, media: ___, ...plain } = job;
    return store.process.writer.commit([plain])[0];
  };
  const muted = said();
  const asked = () => store.process.reader.people({ ask: "requests", ...of, after: "", limit: 9 }, store.ms);
  expect(asked()).toMatchObject({ items: [{ account: "joe" }] });
  store.ms += 59_000;
  expect(said()).toBe(muted);
  store.ms += 1_000;
  expect(said()).not.toBe(muted);
  expect(store.call({ call: "joinInvited", app: "app", account: "eve", code: "code" })).toBe("notFound");
  expect(store.process.reader.people({ ask: "invitations", ...of }, store.ms)).toMatchObject({ items: [] });
  expect(store.call({ call: "change", change: { ...mute, until: "0" } })).toBe("unchanged");
  store.ms += joinRequestDays * daySeconds * 1_000;
  expect(asked()).toMatchObject({ items: [] });
  expect(store.call({ call: "answer", ...of, account: "joe", isAccepted: true })).toBe("notFound");
  expect(store.call({ call: "request", ...of, actor: "joe", text: "" })).toBe("stored");
});

/** A store with a pin, a block, a setting, a profile, an invitation, and times at which accounts were seen. */
async function filled(path: string): Promise<Store> {
  const store = await openAt(path, 0);
  ends.push(() => store.close());
  await store.createGroup(draft({ members: ["bob"] }));
  const { messageId } = stored((await store.append([talk({ toGroup: true, dest: "g1" })]))[0]);
  await store.append([talk({ sender: "bob", dest: "ann" })]);
  await store.groups?.pin({ ...of, toGroup: true, dest: "g1", messageId, isOff: false });
  await store.groups?.invite({ ...of, code: "code", validSeconds: 1_000, uses: 0 });
  await store.people?.block({ app: "app", account: "bob", blocked: "eve", isOff: false });
  await store.people?.setConsent({ app: "app", account: "bob", write: "conversations" });
  await store.people?.setProfile({ app: "app", account: "bob", name: "Bob" });
  await store.people?.markSeen([{ app: "app", account: "bob", minute: 29_000_000 }]);
  return store;
}

test("the retention takes pins away with their messages", async () => {
  const path = freshPath();
  const store = await filled(path);
  const pinned = async (): Promise<number> => {
    const body = await store.groups?.pinned({ app: "app", account: "bob", toGroup: true, dest: "g1" });
    return body === undefined || body === "notFound" ? -1 : body.length;
  };
  expect(await pinned()).toBeGreaterThan(0);
  const db = new Database(path, { safeIntegers: true });
  db.run("PRAGMA busy_timeout = 5000");
  const last = db.query<{ id: bigint }, []>("SELECT min(id) AS id FROM message").get()?.id ?? 0n;
  db.transaction(() => new PurgeSlices(db).drop(last)).immediate();
  expect(db.query("SELECT * FROM pin").all()).toEqual([]);
  db.close();
  expect(await pinned()).toBe(0);
});

test("a check tells what is wrong with groups and people", async () => {
  const path = freshPath();
  await filled(path);
  const problems = (): readonly string[] => checkStore(path, () => undefined).logProblems;
  expect(problems()).toEqual([]);
  const db = new Database(path);
  ends.push(() => db.close());
  db.run("PRAGMA busy_timeout = 5000");
  db.run("UPDATE sequence SET guard_id = 0");
  db.run("UPDATE pin SET message = message + 1, account = 77");
  db.run('UPDATE invitation SET "group" = 77');
  db.run("UPDATE entry SET accounts = '1,78' WHERE accounts IS NOT NULL");
  db.run("UPDATE profile SET version = 9000000000000000000");
  expect(problems()).toEqual([
    "1 pinned messages do not exist",
    "1 pins, blocks, settings, profiles or requests are of accounts without a name",
    "1 invitations or requests are of groups that do not exist",
    "1 entries name accounts that do not exist",
    "1 blocks, settings or profiles are beyond the last id",
    "2 blocks or settings are newer than the version that processes compare",
  ]);
});

test("a backup holds blocks, settings, profiles, pins and invitations, and when accounts were seen", async () => {
  const path = freshPath();
  const store = await filled(path);
  const made = `${path}.backup`;
  closeSync(openSync(made, "wx", 0o600));
  backUp(path, made, () => undefined);
  const restored = freshPath();
  receive(made, restored, "FILE");
  const other = await openAt(restored, 0);
  ends.push(() => other.close());
  const shown = async (from: Store) => [
    await from.people?.blocked("app", "bob", "", 9),
    await from.people?.consent("app", "bob"),
    await from.people?.profiles("app", ["bob"], []),
    await from.people?.guardVersion(),
    await from.people?.lastSeen("app", ["bob", "ann"]),
    await from.groups?.pinned({ app: "app", account: "bob", toGroup: true, dest: "g1" }),
    await from.groups?.invitations(of),
    await from.groups?.members({ app: "app", group: "g1", asker: "bob", after: "", limit: 9, isAdminsOnly: false }),
    (await from.accountState("app", "bob", 0n, 9)).blocks,
  ];
  expect(await shown(other)).toEqual(await shown(store));
  const results = async (to: Store) =>
    (await to.append([talk({ sender: "eve" }), talk({ sender: "ann" }), talk({ sender: "joe" })])).map(
      ({ result }) => result,
    );
  expect(await results(other)).toEqual(["unwilling", "stored", "unwilling"]);
  expect(checkStore(restored, () => undefined)).toMatchObject({ logProblems: [], reads: { problems: [] } });
});
