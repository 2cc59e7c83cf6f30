import { expect, test } from "bun:test";
import { memberChangesMax } from "../../src/base/limits/fixed.ts";
import { GroupAudience } from "../../src/roles/chat/group-audience.ts";
import { MemorySessions } from "../../src/session/memory-sessions.ts";
import { SessionsUnavailable, type PresenceListener, type Sessions } from "../../src/session/sessions.ts";
import { type Membership, membershipOf, type Store } from "../../src/store/store.ts";

/** A group of the store that the test changes by hand, counting how often it is read. */
function fixture(accounts: string[]) {
  const state = { membership: membershipOf(1n, accounts, [], 1n), reads: 0, replaced: () => {} };
  const store: Pick<Store, "membership" | "watchReplacement"> = {
    membership: () => {
      state.reads++;
      return Promise.resolve(state.membership);
    },
    watchReplacement: (listener) => {
      state.replaced = listener;
      return () => {};
    },
  };
  const sessions = new MemorySessions();
  const audience = new GroupAudience(store, sessions);
  const signIn = (account: string) =>
    sessions.put("app", account, { device: "", channelId: `c-${account}`, gateway: "g", incarnation: "i" });
  const online = async (version = 1n) => [...(await audience.online("app", "group", version))].toSorted();
  return { state, store, sessions, audience, signIn, online };
}

test("a group is read once, and presence keeps it current", async () => {
  const { state, sessions, signIn, online } = fixture(["a", "b", "c"]);
  await signIn("a");
  expect(await online()).toEqual(["a"]);
  await signIn("b");
  await signIn("stranger");
  expect(await online()).toEqual(["a", "b"]);
  await sessions.remove("app", "a", "c-a");
  expect(await online()).toEqual(["b"]);
  expect(state.reads).toBe(1);
});

test("a change made here is applied without reading, one made elsewhere is read", async () => {
  const { state, audience, signIn, online } = fixture(["a"]);
  await Promise.all(["a", "b", "c"].map(signIn));
  expect(await online()).toEqual(["a"]);
  const change = { app: "app", group: "group", accounts: ["b"], isMember: true, versionBefore: 1n, version: 2n };
  audience.changed(change);
  expect(await online(2n)).toEqual(["a", "b"]);
  audience.changed({ ...change, isMember: false, versionBefore: 2n, version: 3n });
  expect(await online(3n)).toEqual(["a"]);
  expect(state.reads).toBe(1);
  state.membership = membershipOf(5n, ["a", "c"], [], 5n);
  expect(await online(5n)).toEqual(["a", "c"]);
  expect(state.reads).toBe(2);
});

test("a change that follows one that was not seen here drops what is known", async () => {
  const { state, audience, signIn, online } = fixture(["a"]);
  await Promise.all(["a", "b"].map(signIn));
  await online();
  state.membership = membershipOf(9n, ["a", "b"], [], 9n);
  audience.changed({ app: "app", group: "group", accounts: ["b"], isMember: true, versionBefore: 8n, version: 9n });
  expect(await online(9n)).toEqual(["a", "b"]);
  expect(state.reads).toBe(2);
});

test("a reset of presence forgets all groups: they are read again, with what was missed", async () => {
  const { state, store, sessions, signIn } = fixture(["a", "b"]);
  let listener: PresenceListener | undefined;
  // An engine whose listeners hear nothing until the test says so.
  const deaf: Sessions = Object.create(sessions, {
    watchPresence: { value: (given: PresenceListener) => ((listener = given), () => {}) },
  });
  const audience = new GroupAudience(store, deaf);
  const online = async () => [...(await audience.online("app", "group", 1n))].toSorted();
  await signIn("a");
  expect(await online()).toEqual(["a"]);
  await signIn("b");
  await sessions.remove("app", "a", "c-a");
  expect(await online()).toEqual(["a"]);
  listener?.reset?.();
  expect(await online()).toEqual(["b"]);
  expect(state.reads).toBe(2);
});

test("a change of membership while the session store is away forgets the group and fails nothing", async () => {
  const { state, store, sessions, signIn } = fixture(["a"]);
  let isAway = false;
  const engine: Sessions = Object.create(sessions, {
    locate: {
      value: (app: string, accounts: readonly string[]) =>
        isAway ? Promise.reject(new SessionsUnavailable("away")) : sessions.locate(app, accounts),
    },
  });
  const audience = new GroupAudience(store, engine);
  await Promise.all(["a", "b"].map(signIn));
  expect([...(await audience.online("app", "group", 1n))]).toEqual(["a"]);
  isAway = true;
  audience.changed({ app: "app", group: "group", accounts: ["b"], isMember: true, versionBefore: 1n, version: 2n });
  await Bun.sleep(0);
  isAway = false;
  state.membership = membershipOf(2n, ["a", "b"], [], 2n);
  expect([...(await audience.online("app", "group", 2n))].toSorted()).toEqual(["a", "b"]);
});

test("a store that is replaced has other groups, whatever their versions say", async () => {
  const { state, signIn, online } = fixture(["a", "b"]);
  await Promise.all(["a", "b", "c"].map(signIn));
  state.membership = membershipOf(9n, ["a", "b"], [], 9n);
  expect(await online(9n)).toEqual(["a", "b"]);
  state.membership = membershipOf(4n, ["a", "c"], [], 4n);
  state.replaced();
  expect(await online(4n)).toEqual(["a", "c"]);
  expect(state.reads).toBe(2);
});

test("a group whose read began before is served to nobody, and read again for later callers", async () => {
  const { state, signIn, store, sessions } = fixture(["a", "b"]);
  await Promise.all(["a", "b", "c"].map(signIn));
  const answers: ((membership: Membership) => void)[] = [];
  const slow: Pick<Store, "membership" | "watchReplacement"> = {
    membership: () => new Promise((resolve) => answers.push(resolve)),
    watchReplacement: (listener) => store.watchReplacement(listener),
  };
  const audience = new GroupAudience(slow, sessions);
  const before = audience.online("app", "group", 9n);
  state.replaced();
  const after = audience.online("app", "group", 4n);
  answers[0]?.(membershipOf(9n, ["a", "b"], [], 9n));
  expect([...(await before)]).toEqual([]);
  const also = audience.online("app", "group", 4n);
  answers[1]?.(membershipOf(4n, ["c"], [], 4n));
  expect([...(await after)]).toEqual(["c"]);
  expect([...(await also)]).toEqual(["c"]);
  expect(answers).toHaveLength(2);
});

/** An audience whose sessions answer when the test says so. */
function slowSessions(accounts: string[]) {
  const { state, store, sessions, signIn } = fixture(accounts);
  const looks: PromiseWithResolvers<void>[] = [];
  const engine: Sessions = Object.create(sessions, {
    locate: {
      value: async (app: string, asked: readonly string[]) => {
        const look = Promise.withResolvers<void>();
        looks.push(look);
        await look.promise;
        return sessions.locate(app, asked);
      },
    },
  });
  const audience = new GroupAudience(store, engine);
  const online = async (version = 1n) => [...(await audience.online("app", "group", version))].toSorted();
  return { state, audience, looks, signIn, online };
}

test("a caller waits for a look-up of who is online that is under way", async () => {
  const { looks, signIn, online } = slowSessions(["a", "b"]);
  await Promise.all(["a", "b"].map(signIn));
  const first = online();
  await Bun.sleep(0);
  const second = online();
  await Bun.sleep(0);
  for (const look of looks) look.resolve();
  expect(await Promise.all([first, second])).toEqual([
    ["a", "b"],
    ["a", "b"],
  ]);
});

test("a group whose online members cannot be looked up is read again by who asks next", async () => {
  const { looks, signIn, online } = slowSessions(["a", "b"]);
  await Promise.all(["a", "b"].map(signIn));
  const first = online().catch(String);
  await Bun.sleep(0);
  looks[0]?.reject(new SessionsUnavailable("away"));
  expect(await first).toContain("away");
  const second = online();
  await Bun.sleep(0);
  looks[1]?.resolve();
  expect(await second).toEqual(["a", "b"]);
});

test("a member that leaves during a look-up of who is online is not among the receivers", async () => {
  const { audience, looks, signIn, online } = slowSessions(["a", "b"]);
  await Promise.all(["a", "b"].map(signIn));
  const first = online();
  await Bun.sleep(0);
  const change = { app: "app", group: "group", accounts: ["b"], isMember: false, versionBefore: 1n, version: 2n };
  audience.changed(change);
  looks[0]?.resolve();
  expect(await first).toEqual(["a"]);
});

test("who asks while it is looked up whether a new member is online waits for that", async () => {
  const { audience, looks, signIn, online } = slowSessions(["a"]);
  await Promise.all(["a", "b", "c"].map(signIn));
  const first = online();
  await Bun.sleep(0);
  looks[0]?.resolve();
  expect(await first).toEqual(["a"]);
  const change = { app: "app", group: "group", accounts: ["b"], isMember: true, versionBefore: 1n, version: 2n };
  audience.changed(change);
  audience.changed({ ...change, accounts: ["c"], versionBefore: 2n, version: 3n });
  const second = online(3n);
  looks[2]?.resolve();
  await Bun.sleep(0);
  looks[1]?.resolve();
  expect(await second).toEqual(["a", "b", "c"]);
});

test("who needs a later membership than the one that is being read has it read again", async () => {
  const { sessions, signIn } = fixture([]);
  await Promise.all(["a", "b"].map(signIn));
  const answers: ((membership: Membership) => void)[] = [];
  const store: Pick<Store, "membership" | "watchReplacement"> = {
    membership: () => new Promise((resolve) => answers.push(resolve)),
    watchReplacement: () => () => {},
  };
  const audience = new GroupAudience(store, sessions);
  const before = audience.online("app", "group", 1n);
  const after = audience.online("app", "group", 2n);
  answers[0]?.(membershipOf(1n, ["a"], [], 1n));
  expect([...(await before)]).toEqual(["a"]);
  await Bun.sleep(0);
  answers[1]?.(membershipOf(2n, ["a", "b"], [], 2n));
  expect([...(await after)].toSorted()).toEqual(["a", "b"]);
});

/** Who gets a message with an id, which was committed when the group had that version. */
function recipientsOf(audience: GroupAudience) {
  return async (messageId: bigint, groupVersion: bigint) =>
    [...(await audience.recipients("app", "group", { messageId, groupVersion }))].toSorted();
}

test("a message goes to the members at its commit, whoever has joined or left since", async () => {
  const { state, audience, signIn } = fixture(["a", "b"]);
  await Promise.all(["a", "b", "c"].map(signIn));
  const recipients = recipientsOf(audience);
  expect(await recipients(5n, 1n)).toEqual(["a", "b"]);
  const change = { app: "app", group: "group", accounts: ["c"], isMember: true, versionBefore: 1n, version: 6n };
  audience.changed(change);
  audience.changed({ ...change, accounts: ["a"], isMember: false, versionBefore: 6n, version: 8n });
  expect(await recipients(5n, 1n)).toEqual(["a", "b"]);
  expect(await recipients(7n, 6n)).toEqual(["a", "b", "c"]);
  expect(await recipients(9n, 8n)).toEqual(["b", "c"]);
  // A repeated message has the group's version of now.
  expect(await recipients(5n, 8n)).toEqual(["a", "b"]);
  // Back and forth: each membership has a window of its own.
  audience.changed({ ...change, isMember: false, versionBefore: 8n, version: 10n });
  audience.changed({ ...change, versionBefore: 10n, version: 12n });
  expect(await Promise.all([recipients(9n, 8n), recipients(11n, 10n), recipients(13n, 12n)])).toEqual([
    ["b", "c"],
    ["b"],
    ["b", "c"],
  ]);
  expect(state.reads).toBe(1);
});

test("a group that is read after a message's commit has changed since: it is read with these changes", async () => {
  const { state, audience, signIn } = fixture([]);
  await Promise.all(["a", "b", "c"].map(signIn));
  const recipients = recipientsOf(audience);
  const events = [
    { account: "c", isMember: true, version: 6n },
    { account: "a", isMember: false, version: 8n },
  ];
  state.membership = membershipOf(8n, ["b", "c"], events, 1n);
  expect(await recipients(5n, 1n)).toEqual(["a", "b"]);
  expect(await recipients(7n, 6n)).toEqual(["a", "b", "c"]);
  expect(state.reads).toBe(1);
});

test("a message whose group was read with later changes only has it read again, once", async () => {
  const { state, audience, signIn, online } = fixture([]);
  await Promise.all(["a", "b"].map(signIn));
  state.membership = membershipOf(6n, ["a", "b"], [], 6n);
  expect(await online(6n)).toEqual(["a", "b"]);
  state.membership = membershipOf(6n, ["a", "b"], [{ account: "b", isMember: true, version: 6n }], 1n);
  const recipients = recipientsOf(audience);
  expect(await recipients(5n, 1n)).toEqual(["a"]);
  expect(await recipients(4n, 1n)).toEqual(["a"]);
  expect(state.reads).toBe(2);
});

test("the store is asked for the changes after the message, not after the group's last, which may be old", async () => {
  const { sessions, signIn } = fixture([]);
  await Promise.all(["a", "b"].map(signIn));
  const asked: (bigint | undefined)[] = [];
  const events = [{ account: "b", isMember: true, version: 8n }];
  const store: Pick<Store, "membership" | "watchReplacement"> = {
    membership: (_app, _group, since) => {
      asked.push(since);
      return Promise.resolve(membershipOf(8n, ["a", "b"], since === undefined ? [] : [...events], since ?? 8n));
    },
    watchReplacement: () => () => {},
  };
  const recipients = recipientsOf(new GroupAudience(store, sessions));
  expect(await recipients(5n, 1n)).toEqual(["a"]);
  // Repeated at another node, after a change: it goes to the members at its commit there, too.
  const repeated = recipientsOf(new GroupAudience(store, sessions));
  expect(await repeated(5n, 8n)).toEqual(["a"]);
  const notice = new GroupAudience(store, sessions);
  expect([...(await notice.online("app", "group", 8n))].toSorted()).toEqual(["a", "b"]);
  expect(asked).toEqual([5n, 5n, undefined]);
});

test("a message that more changes followed than are kept is refused, and never goes to another's members", async () => {
  const { state, audience, signIn } = fixture(["a"]);
  await signIn("a");
  const recipients = recipientsOf(audience);
  expect(await recipients(2n, 1n)).toEqual(["a"]);
  let version = 2n;
  for (let count = 0; count <= memberChangesMax; count++) {
    const change = { app: "app", group: "group", accounts: ["b"], isMember: count % 2 === 0 };
    audience.changed({ ...change, versionBefore: count === 0 ? 1n : version, version: version + 1n });
    version++;
  }
  const repeated = recipients(2n, version);
  expect(await repeated.catch(String)).toContain("too many changes");
  expect(state.reads).toBe(1);
});

/** A store whose groups are of a size that the app says, and which counts how often each app's are read. */
function sizedGroups(membersMax: number) {
  const reads = new Map<string, number>();
  const store: Pick<Store, "membership" | "watchReplacement"> = {
    membership: (app, group) => {
      reads.set(app, (reads.get(app) ?? 0) + 1);
      const size = app === "large" ? 10 : 2;
      const accounts = Array.from({ length: size }, (_, at) => `${group}-${at}`);
      return Promise.resolve(membershipOf(1n, accounts, [], 1n));
    },
    watchReplacement: () => () => {},
  };
  const audience = new GroupAudience(store, new MemorySessions(), membersMax);
  const talk = async (app: string, group: string) => void (await audience.online(app, group, 1n));
  return { audience, reads, talk };
}

test("a tenant whose groups do not fit forgets its own, and not those of the others", async () => {
  const { reads, talk } = sizedGroups(100);
  for (const group of ["a", "b"]) await talk("small", group);
  for (let round = 0; round < 3; round++) {
    for (let group = 0; group < 20; group++) await talk("large", `l${group}`);
    for (const group of ["a", "b"]) await talk("small", group);
  }
  expect(reads.get("small")).toBe(2);
  expect(reads.get("large")).toBe(60);
});

test("of the tenant that holds the most, the groups that were used last stay", async () => {
  const { reads, talk } = sizedGroups(30);
  for (const group of ["a", "b", "c", "a", "d"]) await talk("large", group);
  expect(reads.get("large")).toBe(4);
  for (const group of ["a", "c", "d"]) await talk("large", group);
  expect(reads.get("large")).toBe(4);
  await talk("large", "b");
  expect(reads.get("large")).toBe(5);
});

test("the group that was just loaded stays, also beyond the bound, until another one is", async () => {
  const { audience, talk } = sizedGroups(11);
  await talk("small", "b");
  await talk("large", "a");
  expect([audience.onlineCount("large", "a"), audience.onlineCount("small", "b")]).toEqual([0, 0]);
  await talk("small", "c");
  expect(audience.onlineCount("large", "a")).toBeUndefined();
  expect([audience.onlineCount("small", "b"), audience.onlineCount("small", "c")]).toEqual([0, 0]);
});

test("members who join count for the bound, too, and so do kept changes", async () => {
  const { audience, talk } = sizedGroups(14);
  await talk("large", "a");
  await talk("small", "b");
  const change = {
    app: "small",
    group: "b",
    accounts: ["new"],
    isMember: true,
    versionBefore: 1n,
    version: 2n,
  } as const;
  audience.changed(change);
  expect(audience.onlineCount("large", "a")).toBe(0);
  audience.changed({ ...change, accounts: ["newer"], versionBefore: 2n, version: 3n });
  expect(audience.onlineCount("large", "a")).toBeUndefined();
  expect(audience.onlineCount("small", "b")).toBe(0);
});
