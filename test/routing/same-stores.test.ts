// Which nodes a gateway links by what they say of their stores, in a time and with a registry that the tests make.

import { describe, expect, test } from "bun:test";
import { newStoreIdentity, placeBytesMax, type StoreIdentity } from "../../src/auth/store-ownership.ts";
import { silentLog } from "../../src/base/log.ts";
import { metadataOfStores, type NodeStores, unknownStores } from "../../src/link/node-stores.ts";
import { holdMs, type NodeName, SameStores, sentenceBytesMax } from "../../src/routing/same-stores.ts";
import { instanceOf } from "../link/hand-naming.ts";

const store = (place: string): StoreIdentity => ({ identity: newStoreIdentity(), place });
const [redisA, redisB] = [store("redis://a"), store("redis://b")];
const [fileA, fileB] = [store("sqlite:/a.db"), store("sqlite:/b.db")];
const login = (sessions: StoreIdentity | undefined): NodeStores => ({ sessions, messages: undefined });
const chat = (sessions: StoreIdentity | undefined, messages: StoreIdentity | undefined): NodeStores => ({
  sessions,
  messages,
});

/** A node in the registry; one listed earlier has been there for longer. */
interface Entry {
  readonly service: string;
  readonly id: string;
  readonly stores: NodeStores;
  readonly state?: string;
}

class Gate {
  nowMs = 1_000_000;
  readonly errors: string[] = [];
  readonly infos: string[] = [];
  /** From which store to which. */
  readonly changes: string[] = [];
  readonly ended: string[] = [];
  readonly stores: SameStores;

  constructor(id = "gate-2") {
    this.stores = new SameStores({
      id,
      log: {
        ...silentLog,
        error: (sentence, fields) => void this.errors.push(`${sentence}: ${fields?.["reason"]}`),
        info: (sentence) => void this.infos.push(sentence),
        warn: (_, fields) => void this.changes.push(`${fields?.["before"]} ${fields?.["now"]}`),
      },
      ends: ({ id: node }) => void this.ended.push(node),
      clock: { monotonicMs: () => this.nowMs },
    });
  }

  /** True when the node is linked with what it says. */
  meets(id: string, stores: NodeStores): boolean {
    return this.stores.admits(nodeOf(id), stores) === undefined;
  }

  loses(...ids: string[]): void {
    for (const id of ids) this.stores.left(nodeOf(id));
  }

  lists(...entries: Entry[]): void {
    for (const service of ["login", "chat", "wgateway", "tgateway"]) {
      const instances = entries
        .map((entry, at) => ({ entry, upTimestamp: BigInt(at) }))
        .filter(({ entry }) => entry.service === service)
        .map(({ entry: { id, stores, state = "adult" }, upTimestamp }) => ({
          ...instanceOf({ id, service, incarnation: "i" }, "127.0.0.1:1", {
            ...Object.fromEntries(metadataOfStores(stores)),
            state,
          }),
          upTimestamp,
        }));
      this.stores.listed(service, instances);
    }
  }
}

function nodeOf(id: string): NodeName {
  return { service: id.split("-")[0] ?? "", id };
}

const entry = (id: string, stores: NodeStores, state = "adult"): Entry => ({ ...nodeOf(id), stores, state });
const gateway = (id: string, stores: NodeStores, service = "wgateway"): Entry => ({ service, id, stores });

test("nodes that agree are linked, and so are those that say nothing", () => {
  const gate = new Gate();
  expect(gate.meets("login-1", login(redisA))).toBe(true);
  expect(gate.meets("chat-1", chat(redisA, fileA))).toBe(true);
  expect(gate.meets("chat-2", chat(redisA, fileA))).toBe(true);
  expect(gate.meets("login-2", unknownStores)).toBe(true);
  expect(gate.meets("chat-3", chat(redisA, undefined))).toBe(true);
  expect([gate.stores.mismatches, gate.stores.trouble, gate.errors]).toEqual([0, "", []]);
  expect(gate.stores.decided).toEqual(chat(redisA, fileA));
});

test("one identity at places that are written differently is one store", () => {
  const gate = new Gate();
  gate.meets("login-1", login({ identity: redisA.identity, place: "redis://localhost" }));
  expect(gate.meets("login-2", login({ identity: redisA.identity, place: "redis://127.0.0.1" }))).toBe(true);
  expect(gate.stores.trouble).toBe("");
});

test("a node with another session store is not linked, whatever its service; both places and nodes are named", () => {
  for (const other of ["login-2", "chat-1"]) {
    const gate = new Gate();
    gate.meets("login-1", login(redisA));
    const sentence = gate.stores.admits(nodeOf(other), chat(redisB, undefined));
    expect(sentence).toBe(
      `gate-2 does not link ${other}: its session store redis://b is not the session store redis://a of login-1; ` +
        "give all login and chat nodes the same --sessions",
    );
    expect(gate.stores.trouble).toBe(sentence ?? "");
    expect(gate.stores.mismatches).toBe(1);
    expect(gate.errors).toEqual([`a node uses another store and is not linked: ${sentence}`]);
  }
});

test("chat nodes have to agree on messages, and a node that differs in both stores counts once", () => {
  const gate = new Gate();
  gate.meets("chat-1", chat(redisA, fileA));
  expect(gate.meets("chat-2", chat(redisA, fileB))).toBe(false);
  expect(gate.stores.trouble).toContain(
    "its message store sqlite:/b.db is not the message store sqlite:/a.db of chat-1",
  );
  expect(gate.stores.trouble).toContain("--store");
  expect(gate.meets("chat-3", chat(redisB, fileB))).toBe(false);
  expect(gate.stores.mismatches).toBe(2);
});

test("what differs is logged once, however often it is met, and again after it was well", () => {
  const gate = new Gate();
  gate.meets("login-1", login(redisA));
  for (let round = 0; round < 100; round++) gate.meets("login-2", login(redisB));
  expect(gate.errors).toHaveLength(1);
  expect(gate.meets("login-2", login(redisA))).toBe(true);
  expect(gate.stores.trouble).toBe("");
  expect(gate.infos).toHaveLength(1);
  gate.meets("login-2", login(redisB));
  expect(gate.errors).toHaveLength(2);
});

test("a mismatch ends when its node is not listed any more", () => {
  const gate = new Gate();
  gate.lists(entry("login-1", login(redisA)), entry("login-2", login(redisB)));
  gate.meets("login-1", login(redisA));
  gate.meets("login-2", login(redisB));
  gate.lists(entry("login-1", login(redisA)));
  expect([gate.stores.mismatches, gate.stores.trouble]).toEqual([0, ""]);
});

test("a linked node that turns out to differ is refused, and one that says nothing any more is not", () => {
  const gate = new Gate();
  gate.meets("login-1", login(redisA));
  gate.meets("login-2", unknownStores);
  expect(gate.meets("login-1", unknownStores)).toBe(true);
  expect(gate.meets("login-2", login(redisB))).toBe(false);
  // What login-1 said before still decides.
  expect(gate.stores.trouble).toContain("redis://a of login-1");
});

describe("when no node of the first store is linked any more", () => {
  test("one that was refused waits for it, and decides when it does not come back", () => {
    const gate = new Gate();
    gate.meets("chat-1", chat(redisA, fileA));
    gate.nowMs += 100 * holdMs;
    gate.meets("chat-2", chat(redisA, fileB));
    gate.loses("chat-1");
    gate.nowMs += holdMs - 1;
    expect(gate.meets("chat-2", chat(redisA, fileB))).toBe(false);
    expect(gate.meets("chat-1", chat(redisA, fileA))).toBe(true);
    gate.loses("chat-1");
    gate.nowMs += holdMs;
    expect(gate.changes).toEqual([]);
    expect(gate.meets("chat-2", chat(redisA, fileB))).toBe(true);
    expect(gate.changes).toEqual(["sqlite:/a.db sqlite:/b.db"]);
    expect(gate.stores.trouble).toBe("");
    expect(gate.meets("chat-1", chat(redisA, fileA))).toBe(false);
  });

  test("nodes that have all moved are linked at once", () => {
    const gate = new Gate();
    gate.lists(entry("chat-1", chat(redisA, fileA)), entry("chat-2", chat(redisA, fileA)));
    gate.meets("chat-1", chat(redisA, fileA));
    gate.meets("chat-2", chat(redisA, fileA));
    gate.loses("chat-1");
    gate.loses("chat-2");
    gate.lists(entry("chat-1", chat(redisA, fileB)), entry("chat-2", chat(redisA, fileB)));
    expect(gate.meets("chat-1", chat(redisA, fileB))).toBe(true);
    expect(gate.meets("chat-2", chat(redisA, fileB))).toBe(true);
    expect(gate.errors).toEqual([]);
  });

  test("nodes that move one after the other are linked as soon as the last one has moved", () => {
    const gate = new Gate();
    const ids = ["chat-1", "chat-2", "chat-3"];
    const lists = (moved: number): void =>
      gate.lists(...ids.map((id, at) => entry(id, chat(redisA, at < moved ? fileB : fileA))));
    lists(0);
    for (const id of ids) gate.meets(id, chat(redisA, fileA));
    const linked = ids.map((id, at) => {
      gate.loses(id);
      lists(at + 1);
      return gate.meets(id, chat(redisA, fileB));
    });
    expect(linked).toEqual([false, false, true]);
    expect(gate.stores.trouble).toBe("");
    expect(ids.map((id) => gate.meets(id, chat(redisA, fileB)))).toEqual([true, true, true]);
  });

  test("a node that nobody has met waits while one with the first store is listed, as after a partition", () => {
    const gate = new Gate();
    gate.lists(entry("chat-1", chat(redisA, fileA)), entry("chat-2", chat(redisA, fileB)));
    gate.meets("chat-1", chat(redisA, fileA));
    gate.loses("chat-1");
    expect(gate.meets("chat-2", chat(redisA, fileB))).toBe(false);
    expect(gate.meets("chat-1", chat(redisA, fileA))).toBe(true);
  });

  test("nodes whose store has become another one under them are linked at once", () => {
    const gate = new Gate();
    gate.lists(entry("login-1", login(redisA)), entry("login-2", login(redisA)));
    gate.meets("login-1", login(redisA));
    gate.meets("login-2", login(redisA));
    expect(gate.meets("login-1", login(redisB))).toBe(false);
    expect(gate.meets("login-2", login(redisB))).toBe(true);
    expect(gate.meets("login-1", login(redisB))).toBe(true);
  });
});

describe("of several gateways", () => {
  const one = entry("login-1", login(redisA));
  const two = entry("login-2", login(redisB));

  test("all take the store of the node that has been listed longest, in whatever order they meet them", () => {
    for (const order of [
      [one, two],
      [two, one],
    ]) {
      for (const service of ["login", "chat"]) {
        const gate = new Gate();
        const entries = order.map(({ id, stores }) => entry(id.replace("login", service), stores));
        gate.lists(...entries);
        const linked = [two, one, two, one].filter(({ id, stores }) =>
          gate.meets(id.replace("login", service), stores),
        );
        expect(linked).toEqual([order[0], order[0]].filter((link) => link !== undefined));
        expect(gate.stores.mismatches).toBe(1);
      }
    }
  });

  test("one that comes takes what the others go by, if a node with that store is listed", () => {
    for (const service of ["wgateway", "tgateway"]) {
      const gate = new Gate();
      gate.lists(one, two, gateway("gate-1", login(redisB), service));
      expect([gate.meets("login-1", login(redisA)), gate.meets("login-2", login(redisB))]).toEqual([false, true]);
    }
    const gate = new Gate();
    gate.lists(one, gateway("gate-1", login(redisB)), gateway("gate-3", unknownStores));
    expect(gate.meets("login-1", login(redisA))).toBe(true);
  });

  test("what is listed and does not come is waited for, for a while", () => {
    const gate = new Gate();
    gate.lists(one, two);
    expect(gate.meets("login-2", login(redisB))).toBe(false);
    expect(gate.stores.trouble).toContain("redis://a of login-1");
    gate.nowMs += holdMs;
    expect(gate.meets("login-2", login(redisB))).toBe(true);
  });

  test("a node that leaves, or says nothing, decides nothing", () => {
    const gate = new Gate();
    gate.lists(entry("login-1", login(redisA), "leaving"), entry("login-3", unknownStores), two);
    expect(gate.meets("login-2", login(redisB))).toBe(true);
  });

  test("the one listed for a shorter time gives up its decision once it meets a node with the other's store", () => {
    const gate = new Gate();
    const [elder, own] = [gateway("gate-1", login(redisB)), gateway("gate-2", login(redisA))];
    gate.meets("login-1", login(redisA));
    gate.lists(one, two, elder, own);
    expect(gate.ended).toEqual([]);
    expect(gate.meets("login-2", login(redisB))).toBe(false);
    gate.lists(one, two, elder, own);
    expect(gate.ended).toEqual(["login-1"]);
    // Whoever is dialled first.
    expect([gate.meets("login-1", login(redisA)), gate.meets("login-2", login(redisB))]).toEqual([false, true]);
    gate.loses("login-1");
    gate.lists(one, two, elder, gateway("gate-2", login(redisB)));
    expect(gate.ended).toEqual(["login-1"]);
    expect(gate.stores.decided).toEqual(login(redisB));
  });

  test("the one that has been listed for longer keeps its decision", () => {
    const gate = new Gate("gate-1");
    gate.meets("login-1", login(redisA));
    gate.meets("login-2", login(redisB));
    gate.lists(one, two, gateway("gate-1", login(redisA)), gateway("gate-2", login(redisB)));
    expect([gate.ended, gate.meets("login-1", login(redisA))]).toEqual([[], true]);
  });

  test("a decision without a linked node is nobody's: it is not told", () => {
    const gate = new Gate();
    gate.meets("login-1", login(redisA));
    gate.loses("login-1");
    expect(gate.stores.decided).toEqual(unknownStores);
  });
});

test("a sentence is bounded, however long the places and names are", () => {
  const gate = new Gate("g".repeat(40));
  const place = "\u{1f426}".repeat(placeBytesMax / 4);
  gate.meets(`login-${"1".repeat(34)}`, login(store(place)));
  const sentence = gate.stores.admits(nodeOf(`chat-${"2".repeat(35)}`), login(store(place))) ?? "";
  expect(Buffer.byteLength(sentence)).toBeLessThanOrEqual(sentenceBytesMax);
  expect(sentence).toEndWith("the same --sessions");
});
