// When the owners of a logic node's stores change, in a time that the tests let pass.

import { describe, expect, test } from "bun:test";
import { silentLog } from "../../src/base/log.ts";
import { keysText } from "../../src/node/membership.ts";
import { type OwnedStore, ownersLookMs, OwnersWatch } from "../../src/node/owners-watch.ts";
import type { Instance } from "../../src/registry/instance.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { turn } from "../transport/recording.ts";
import { HandNaming, instanceOf } from "../link/hand-naming.ts";
import { newIdentity } from "../link/support.ts";

const [one, two] = ["1".repeat(32), "2".repeat(32)];

/** A store that keeps what it is given. */
class FakeStore implements OwnedStore {
  readonly owners: string[][] = [];
  readonly claims: string[][] = [];
  isAway = false;
  /** Runs while the owners are set. */
  meanwhile: () => void = () => undefined;
  setOwners(fingerprints: readonly string[]): Promise<void> {
    if (this.isAway) return Promise.reject(new Error("the database is away"));
    this.owners.push([...fingerprints]);
    this.meanwhile();
    return Promise.resolve();
  }
  claimAs(fingerprints: readonly string[]): void {
    this.claims.push([...fingerprints]);
  }
}

class Node {
  readonly naming = new HandNaming();
  readonly timers = new ManualTimers();
  readonly store = new FakeStore();
  readonly identity = newIdentity("chat-1", "chat");
  readonly lines: string[] = [];
  readonly watch: OwnersWatch;
  readonly keys: { fingerprints: readonly string[]; onChange: (listener: () => void) => void };
  private changed: () => void = () => undefined;

  constructor(fingerprints: readonly string[] = [two, one], stores: readonly OwnedStore[] = [this.store, {}]) {
    this.keys = { fingerprints, onChange: (listener) => (this.changed = listener) };
    this.watch = new OwnersWatch({
      naming: this.naming,
      timers: this.timers,
      log: {
        ...silentLog,
        info: (sentence, fields) => void this.lines.push(`info ${sentence} ${fields?.["others"] ?? ""}`),
        warn: (sentence) => void this.lines.push(`warn ${sentence}`),
      },
      identity: this.identity,
      keys: this.keys,
      stores,
    });
    this.watch.start();
  }

  /** Its keys change. */
  change(fingerprints: readonly string[]): void {
    this.keys.fingerprints = fingerprints;
    this.changed();
  }

  /** The members of each service say these keys; this process is listed with its own unless it is left out. */
  list(keys: Readonly<Record<string, readonly (readonly string[] | undefined)[]>>, own?: readonly string[]): void {
    for (const service of ["wgateway", "tgateway", "login", "chat"]) {
      const others = (keys[service] ?? []).map((said, at) => member(`${service}-other${at}`, service, said));
      const mine = service === "chat" && own !== undefined ? [this.itself(own)] : [];
      this.naming.list(service, ...others, ...mine);
    }
  }

  itself(keys: readonly string[]): Instance {
    return instanceOf(this.identity, "127.0.0.1:1", { keys: keysText(keys) });
  }

  /** Lets the watch look this many times. */
  async looks(count: number): Promise<void> {
    for (let look = 0; look < count; look++) {
      this.timers.advance(ownersLookMs);
      await turn();
    }
  }
}

function member(id: string, service: string, keys: readonly string[] | undefined): Instance {
  return instanceOf(newIdentity(id, service), "127.0.0.1:1", keys === undefined ? {} : { keys: keysText(keys) });
}

const everywhere = (keys: readonly string[] | undefined) => ({
  wgateway: [keys],
  tgateway: [keys],
  login: [keys, keys],
  chat: [keys],
});

describe("the owners of a store", () => {
  test("become this process's keys once, when two looks in a row find that all have them, in any order", async () => {
    const node = new Node([two, one]);
    node.list(everywhere([one, two]), [two, one]);
    await node.looks(1);
    expect(node.store.owners).toEqual([]);
    await node.looks(1);
    // The first key's fingerprint stands first.
    expect(node.store.owners).toEqual([[two, one]]);
    await node.looks(5);
    expect(node.store.owners).toHaveLength(1);
    expect(node.lines).toHaveLength(1);
  });

  test("stay while anybody, of whatever service, has more, fewer or other keys, or says none", async () => {
    for (const service of ["wgateway", "tgateway", "login", "chat"]) {
      for (const keys of [[one], [two], [one, two, "3".repeat(32)], ["3".repeat(32)], [], undefined]) {
        const node = new Node([one, two]);
        const listed: Record<string, readonly (readonly string[] | undefined)[]> = everywhere([one, two]);
        node.list({ ...listed, [service]: [...(listed[service] ?? []), keys] }, [one, two]);
        await node.looks(4);
        expect([service, keys, node.store.owners]).toEqual([service, keys, []]);
      }
    }
  });

  test("become the new keys after a change, once everybody has those; until then its claims name both", async () => {
    const node = new Node([one]);
    node.list(everywhere([one]), [one]);
    await node.looks(2);
    expect(node.store.owners).toEqual([[one]]);
    node.change([two, one]);
    expect(node.store.claims).toEqual([[two, one]]);
    await node.looks(4);
    expect(node.store.owners).toHaveLength(1);
    node.list(everywhere([one, two]), [one, two]);
    await node.looks(1);
    expect(node.store.owners).toHaveLength(1);
    await node.looks(1);
    expect(node.store.owners).toEqual([[one], [two, one]]);
    // A look that agreed before the change does not count.
    node.list(everywhere([two]), [two]);
    node.change([two]);
    await node.looks(1);
    expect(node.store.owners).toHaveLength(2);
    await node.looks(1);
    expect(node.store.owners.at(-1)).toEqual([two]);
  });

  test("are set again when the keys change while they are set", async () => {
    const node = new Node([one]);
    node.list(everywhere([one]), [one]);
    node.store.meanwhile = () => {
      node.store.meanwhile = () => undefined;
      node.list(everywhere([two]), [two]);
      node.change([two]);
    };
    await node.looks(2);
    expect(node.store.claims).toEqual([[two], [two]]);
    await node.looks(2);
    expect(node.store.owners).toEqual([[one], [two]]);
  });

  test("stay while the registry does not list this process, or lists another one under its id", async () => {
    const node = new Node([one]);
    node.list(everywhere([one]));
    await node.looks(4);
    node.naming.list("chat", instanceOf(newIdentity("chat-1", "chat"), "127.0.0.1:1", { keys: one }));
    await node.looks(4);
    node.naming.list("chat");
    node.naming.list("login", instanceOf({ ...node.identity, service: "login" }, "127.0.0.1:1", { keys: one }));
    await node.looks(4);
    expect(node.store.owners).toEqual([]);
  });

  test("stay while one node of the registry does not list this process: it may list other members", async () => {
    const node = new Node([one]);
    const listing = { listing: ["http://r1:7171"], lacking: ["http://r2:7171"] };
    Object.assign(node.naming, { whoLists: () => Promise.resolve(listing) });
    node.list(everywhere([one]), [one]);
    await node.looks(4);
    expect(node.store.owners).toEqual([]);
    listing.lacking.pop();
    await node.looks(2);
    expect(node.store.owners).toEqual([[one]]);
  });

  test("stay while the registry does not answer, and one look before that does not count", async () => {
    const node = new Node([one]);
    node.list(everywhere([one]), [one]);
    await node.looks(1);
    node.naming.isAway = true;
    await node.looks(3);
    node.naming.isAway = false;
    await node.looks(1);
    expect(node.store.owners).toEqual([]);
    await node.looks(1);
    expect(node.store.owners).toEqual([[one]]);
  });

  test("stay when a look in between finds another key: two in a row have to agree", async () => {
    const node = new Node([one]);
    for (let round = 0; round < 4; round++) {
      node.list(everywhere([one]), [one]);
      await node.looks(1);
      node.list(everywhere([one, two]), [one]);
      await node.looks(1);
    }
    expect(node.store.owners).toEqual([]);
  });

  test("stay, and the log names those with other keys once that has lasted for a minute, once", async () => {
    const node = new Node([one]);
    node.list({ ...everywhere([one]), wgateway: Array.from({ length: 8 }, () => undefined) }, [one]);
    await node.looks(3);
    expect(node.lines).toEqual([]);
    await node.looks(20);
    expect(node.lines).toEqual([
      expect.stringMatching(/not every member .* wgateway-other0 .*wgateway-other4 and 3 more$/),
    ]);
    node.list(everywhere([one]), [one]);
    await node.looks(2);
    node.list({ ...everywhere([one]), login: [[two]] }, [one]);
    await node.looks(9);
    expect(node.lines).toHaveLength(3);
    expect(node.lines[2]).toEndWith(" login-other0");
  });

  test("are set again after a process with other keys may have set them, not after the registry was away", async () => {
    const node = new Node([one]);
    node.list(everywhere([one]), [one]);
    await node.looks(2);
    node.naming.isAway = true;
    await node.looks(2);
    node.naming.isAway = false;
    await node.looks(3);
    expect(node.store.owners).toEqual([[one]]);
    node.list(everywhere([one, two]), [one]);
    await node.looks(1);
    node.list(everywhere([one]), [one]);
    await node.looks(2);
    expect(node.store.owners).toEqual([[one], [one]]);
  });

  test("are tried again at each look while a store is away, with one warning", async () => {
    const store = new FakeStore();
    const node = new Node([one], [store]);
    store.isAway = true;
    node.list(everywhere([one]), [one]);
    await node.looks(5);
    expect(node.lines.map((line) => line.split(" ")[0])).toEqual(["warn"]);
    store.isAway = false;
    await node.looks(1);
    expect(store.owners).toEqual([[one]]);
    expect(node.lines.map((line) => line.split(" ")[0])).toEqual(["warn", "info"]);
  });

  test("are nobody's business without a cluster key, without a store, and after the end", async () => {
    for (const node of [new Node([]), new Node([one], [])]) expect(node.timers.pending).toBe(0);
    const node = new Node([one]);
    node.list(everywhere([one]), [one]);
    await node.looks(1);
    node.timers.advance(ownersLookMs);
    node.watch.stop();
    await turn();
    expect(node.timers.pending).toBe(0);
    expect(node.store.owners).toEqual([]);
  });
});
