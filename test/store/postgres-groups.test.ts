// Of groups, what only the store on PostgreSQL does: rights that a function of the database decides, the end of groups
// in slices, checks, and look-ups.

import { beforeEach, describe, expect, test } from "bun:test";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { until } from "../../scripts/harness/until.ts";
import { joinRequestDays } from "../../src/base/limits/fixed.ts";
import { type GroupAction, type GroupFacts, rightInGroup, standings } from "../../src/store/group-rights.ts";
import { checkPostgres } from "../../src/store/postgres/check.ts";
import { ConversationAsks } from "./conversation-asks.ts";
import { GroupAsks } from "./group-asks.ts";
import { OpenedStore } from "./opened-store.ts";
import { databaseForEach, postgresForAll, scannedTables } from "./postgres-setup.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { draft } from "./samples.ts";

const actions = [
  ...([
    "talk",
    "mentionAll",
    "see",
    "update",
    "pin",
    "invite",
    "seeRequests",
    "join",
    "joinInvited",
    "request",
  ] as const),
  ...(["quit", "add", "accept", "decline", "remove", "role", "transfer", "mute", "alias", "dismiss"] as const),
];
const flags = [
  "isLive",
  "isClosed",
  "hasApproval",
  "isForAdmins",
  "isMuted",
  "hasLeft",
  "isSelf",
  "isWilling",
] as const;

describe.skipIf(!hasPostgres)("groups in a PostgreSQL store", () => {
  const db = databaseForEach(postgresForAll());
  const opened = new OpenedStore();
  const asks = new ConversationAsks(opened);
  const groupAsks = new GroupAsks(opened);
  const { made, by, change, pin, pinned, members } = groupAsks;
  /** Housekeeping waits for it. */
  let timers: ManualTimers;
  beforeEach(async () => {
    timers = new ManualTimers();
    opened.store = await db.open({ time: timers });
  });
  const problems = async (): Promise<readonly string[]> => (await checkPostgres(db.url, () => undefined)).problems;

  test("the function of the database says of every combination of facts what rightInGroup says", async () => {
    const rows = await db.sql<{ action: GroupAction; actor: string; target: string; bits: number; said: string }[]>`
      SELECT action, actor, target, bits::integer, roost.right_in_group(
        action, bits & 1 <> 0, bits & 2 <> 0, bits & 4 <> 0, bits & 8 <> 0, actor, bits & 16 <> 0, bits & 32 <> 0,
        target, bits & 64 <> 0, bits & 128 <> 0) AS said
      FROM unnest(${db.sql.array([...actions], "TEXT")}) action, unnest(${db.sql.array([...standings], "TEXT")}) actor,
        unnest(${db.sql.array([...standings], "TEXT")}) target, generate_series(0, ${2 ** flags.length - 1}) bits`;
    expect(rows).toHaveLength(actions.length * standings.length ** 2 * 2 ** flags.length);
    const wrong = rows.filter(({ action, actor, target, bits, said }) => {
      const is = (flag: (typeof flags)[number]): boolean => ((bits >> flags.indexOf(flag)) & 1) === 1;
      const standing = (name: string) => standings.find((each) => each === name) ?? "stranger";
      const facts: GroupFacts = {
        isLive: is("isLive"),
        isClosed: is("isClosed"),
        hasApproval: is("hasApproval"),
        isForAdmins: is("isForAdmins"),
        actor: standing(actor),
        isMuted: is("isMuted"),
        hasLeft: is("hasLeft"),
        target: standing(target),
        isSelf: is("isSelf"),
        isWilling: is("isWilling"),
      };
      return said !== rightInGroup(action, facts);
    });
    expect(wrong).toEqual([]);
  });

  test("the rows of a dismissed group are closed in slices, and nothing shows of it but the counts", async () => {
    await made(...Array.from({ length: 1_200 }, (_, i) => `m${i}`));
    await change("ann", { kind: "update", hasApproval: true });
    const { groups } = groupAsks;
    await groups.invite({ ...by("ann"), code: "code", validSeconds: 1_000, uses: 0 });
    await groups.request({ ...by("joe"), text: "" });
    const id = await asks.send("m7", "@g1");
    expect((await change("ann", { kind: "dismiss" })).result).toBe("stored");
    expect((await asks.recall("m7", id)).result).toBe("stored");
    const shown = () =>
      Promise.all(
        ["ann", "m7", "joe"].map(async (account) => [
          await asks.log(account, { includeSent: account !== "m7" }),
          await opened.store.groupDetail("app", "g1", account),
          await opened.store.membership("app", "g1"),
          await groups.groups("app", account, "", 9),
          await opened.store.quit({ app: "app", group: "g1", actor: account, account }),
          await change(account, { kind: "dismiss" }),
          await groups.request({ ...by(account), text: "" }),
          await opened.store.readers({ app: "app", account, messageId: id, after: "", limit: 9 }),
        ]),
      );
    const open = "SELECT count(*) FROM roost.member WHERE until_id IS NULL";
    const left = "SELECT (SELECT count(*) FROM roost.invitation) + (SELECT count(*) FROM roost.join_request)";
    const first = await shown();
    expect([await db.number(open), await db.number(left)]).toEqual([1_201, 2]);
    expect(await problems()).toEqual([]);
    const life = await db.life();
    expect(await db.number(`SELECT roost.clean_ended('test', '${life}', 500)::integer`)).toBe(1);
    expect(await db.number(open)).toBe(701);
    expect(await shown()).toEqual(first);
    await until(async () => {
      timers.advance(1_000);
      return (await db.number(left)) === 0;
    }, "housekeeping removes the rest");
    expect(await shown()).toEqual(first);
    expect([await db.number(open), await db.number(left)]).toEqual([0, 0]);
    expect(await db.number("SELECT sum(own + put) FROM roost.group_count")).toBe(0);
    expect(await problems()).toEqual([]);
  });

  test("a mute, an invitation and a request end by the clock", async () => {
    await made("bob");
    await change("ann", { kind: "update", hasApproval: true });
    const { groups } = groupAsks;
    const soon = BigInt(Math.floor(Date.now() / 1_000)) + 1_000n;
    await change("ann", { kind: "mute", account: "bob", until: soon });
    await groups.invite({ ...by("ann"), code: "code", validSeconds: 1_000, uses: 0 });
    await groups.request({ ...by("joe"), text: "" });
    const talk = { toGroup: true, dest: "g1", sender: "bob" };
    expect(await opened.say2(talk)).toBe("muted");
    // As if so much time had passed.
    await db.sql`UPDATE roost.member SET muted_until = muted_until - 1000 WHERE muted_until > 0`;
    await db.sql`UPDATE roost.invitation SET expires_s = expires_s - 1000`;
    await db.sql`UPDATE roost.join_request SET at_s = at_s - ${joinRequestDays * 86_400}`;
    expect(await opened.say2(talk)).toBe("stored");
    expect(await change("ann", { kind: "mute", account: "bob", until: 0n })).toEqual({ result: "unchanged" });
    expect((await groups.joinInvited("app", "eve", "code")).result).toBe("notFound");
    expect(await groups.invitations(by("ann"))).toMatchObject({ items: [] });
    expect(await groups.requests(by("ann"), "", 9)).toMatchObject({ items: [] });
    expect(await members("ann")).toMatchObject({ group: { requestCount: 0 } });
    expect((await groups.withdraw(by("joe"))).result).toBe("unchanged");
    expect((await groups.answer({ ...by("ann"), account: "joe", isAccepted: true })).result).toBe("notFound");
    expect((await groups.request({ ...by("joe"), text: "" })).result).toBe("stored");
  });

  test("the retention takes pins away with their messages, and the entries of groups", async () => {
    await made("bob");
    const [gone, kept] = [await asks.send("bob", "@g1"), await asks.send("bob", "@g1")];
    await pin("ann", "@g1", gone);
    await pin("ann", "@g1", kept);
    await db.sql`SELECT roost.delete_slice(0, ${gone}, 100, null)`;
    expect(await pinned("bob", "@g1")).toEqual([kept]);
    expect(await db.number("SELECT count(*) FROM roost.pin")).toBe(1);
    expect(await db.number(`SELECT count(*) FROM roost.entry WHERE id <= ${gone}`)).toBe(0);
    expect(await problems()).toEqual([]);
  });

  test("texts with characters that the database does not have are kept", async () => {
    await made("bob");
    const text = "a\0b\x01c";
    await change("ann", { kind: "update", name: text, announcement: text });
    await change("bob", { kind: "alias", alias: text });
    await change("ann", { kind: "update", hasApproval: true });
    await groupAsks.groups.request({ ...by("joe"), text });
    expect(await members("bob")).toMatchObject({ group: { name: text, announcement: text, alias: text } });
    expect(await groupAsks.groups.requests(by("ann"), "", 9)).toMatchObject({ items: [{ text }] });
  });

  test("every look-up is one by an index, also where the tables were empty when it was planned", async () => {
    const { groups } = groupAsks;
    for (let round = 0; round < 3; round++) {
      const group = `g${round}`;
      await opened.store.createGroup(draft({ id: group, members: ["bob", "eve"] }));
      const to = (actor: string) => by(actor, group);
      await groups.change({ ...to("ann"), kind: "update", hasApproval: true, name: `n${round}` });
      await groups.change({ ...to("ann"), kind: "role", account: "bob", role: "admin" });
      await groups.change({ ...to("bob"), kind: "mute", account: "eve", until: 9_000_000_000n });
      await groups.change({ ...to("eve"), kind: "alias", alias: `a${round}` });
      await groups.add({ ...to("bob"), accounts: ["joe", `m${round}`] });
      await groups.remove({ ...to("bob"), accounts: ["joe", "nobody"] });
      await groups.invite({ ...to("bob"), code: group, validSeconds: 1_000, uses: 2 });
      await groups.joinInvited("app", "kim", group);
      await groups.invitations(to("ann"));
      for (const account of ["joe", "lea"]) await groups.request({ ...to(account), text: "" });
      await groups.requests(to("ann"), "", 9);
      await groups.answer({ ...to("ann"), account: "lea", isAccepted: true });
      await groups.withdraw(to("joe"));
      await groups.revokeInvitation(to("ann"), group);
      const id = await asks.send("ann", `@${group}`);
      await pin("ann", `@${group}`, id);
      await groups.pin({ app: "app", actor: "ann", toGroup: true, dest: group, messageId: id, isOff: false });
      await pinned("bob", `@${group}`);
      await groups.groups("app", "ann", "", 9);
      for (const isAdminsOnly of [false, true]) await members("ann", { group, isAdminsOnly });
      await asks.log("eve");
      await groups.change({ ...to("ann"), kind: "transfer", account: "bob" });
      await groups.change({ ...to("bob"), kind: "dismiss" });
      const life = await db.life();
      await db.sql`SELECT roost.clean_ended('test', ${life}, 500)`;
    }
    await opened.store.close();
    expect(await scannedTables(db)).toEqual([]);
  });

  test("who has left a group is found among all who have left others", async () => {
    await made("bob", "eve");
    const before = (await opened.store.membership("app", "g1"))?.version ?? 0n;
    await db.sql`
      INSERT INTO roost.member (chat_group, account, from_id, until_id, joined_ms)
      SELECT 1000 + n % 500, 1000 + n, 1, ${before}::bigint + n, 0 FROM generate_series(1, 60000) n`;
    await opened.store.quit({ app: "app", group: "g1", actor: "eve", account: "eve" });
    await db.sql`VACUUM ANALYZE roost.member`;
    const pages = async (): Promise<number> => {
      await opened.store.close();
      await scannedTables(db);
      // What this test's connection counted, at once instead of within a second.
      await db.sql`SELECT pg_stat_force_next_flush()`;
      return db.number("SELECT idx_blks_hit + idx_blks_read FROM pg_statio_user_tables WHERE relname = 'member'");
    };
    const first = await pages();
    opened.store = await db.open({ time: timers });
    const membership = await opened.store.membership("app", "g1", before);
    expect(membership?.changes.map(({ account, isMember }) => [account, isMember])).toEqual([["eve", false]]);
    // The whole index has hundreds.
    expect((await pages()) - first).toBeLessThan(50);
  });

  test("a change of a few members of a large group reads few rows", async () => {
    await made(...Array.from({ length: 2_500 }, (_, i) => `m${i}`));
    await opened.store.close();
    const fetched = async (): Promise<number> => {
      // What a connection counted is seen when it has ended.
      await scannedTables(db);
      // What this test's connection counted, at once instead of within a second.
      await db.sql`SELECT pg_stat_force_next_flush()`;
      return db.number("SELECT sum(idx_tup_fetch) FROM pg_stat_user_tables WHERE relname = 'member'");
    };
    const before = await fetched();
    opened.store = await db.open({ time: timers });
    const { groups } = groupAsks;
    await groups.remove({ ...by("ann"), accounts: ["m7", "m70", "m700"] });
    await groups.add({ ...by("ann"), accounts: ["m7", "x1", "m8"] });
    await opened.store.quit({ app: "app", group: "g1", actor: "m9", account: "m9" });
    await groupAsks.admin("m2000");
    await change("m2000", { kind: "mute", account: "m2", until: 9_000_000_000n });
    await members("m3", { limit: 10, after: "m1000" });
    await change("ann", { kind: "transfer", account: "m5" });
    await opened.store.quit({ app: "app", group: "g1", actor: "m5", account: "m5" });
    await opened.store.close();
    expect((await fetched()) - before).toBeLessThan(500);
  });
});
