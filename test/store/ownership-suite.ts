// Which store a store is and whose, as tests for every engine of messages: an engine's own test file gives a factory.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  claimOfNobody,
  clusterFingerprint,
  isStoreIdentity,
  judgeClaim,
  type StoreClaim,
} from "../../src/auth/store-ownership.ts";
import { createLog, silentLog, type Log } from "../../src/base/log.ts";
import { StoreUnavailable, type Store } from "../../src/store/store.ts";
import { Random, testSeed } from "../support/random.ts";
import { until } from "../../scripts/harness/until.ts";
import { stored, talk } from "./samples.ts";
import { contentsOf } from "../support/contents.ts";

export interface OwnedPlace {
  open(claim: StoreClaim, log: Log, refused?: (sentence: string) => void): Promise<Store>;
  /** Runs a statement of SQL beside the store; `$` stands for the schema. */
  run(statement: string): Promise<void>;
  /** A copy of the store and its identity, as a copied file or a played dump. */
  copy(): Promise<OwnedPlace>;
  remove(): Promise<void>;
}

const key = (name: string): Uint8Array => new TextEncoder().encode(`a cluster key called ${name}`);
const claimOf = (names: readonly string[], adopt = false, env = "dev"): StoreClaim => ({
  fingerprints: names.map((name) => clusterFingerprint(key(name), env)),
  adopt,
});
const [first, second] = [claimOf(["first"]), claimOf(["second"])];
const adopting = (claim: StoreClaim): StoreClaim => ({ ...claim, adopt: true });
const isAnothers = /The message store .* belongs to a(?:nother)? cluster.*--adopt/;
const isAtWork = /The message store .* cannot be adopted: processes of its owner are at work on it/;

export function ownershipSuite(name: string, makePlace: () => Promise<OwnedPlace>): void {
  describe(`${name} and its owner`, () => {
    let place: OwnedPlace;
    const opened: Store[] = [];
    let places: OwnedPlace[] = [];
    beforeEach(async () => {
      place = await makePlace();
      places = [place];
    });
    afterEach(async () => {
      await closeAll();
      for (const each of places) await each.remove();
    });

    const closeAll = async (): Promise<void> => {
      for (const store of opened.splice(0)) await store.close();
    };
    const open = async (claim: StoreClaim, log: Log = silentLog, at = place): Promise<Store> => {
      const store = await at.open(claim, log);
      opened.push(store);
      return store;
    };
    const openOnce = async (claim: StoreClaim, at = place): Promise<string> => {
      const store = await at.open(claim, silentLog);
      const { identity = "" } = store.identity ?? {};
      await store.close();
      return identity;
    };
    /**
     * Adopts the store from a process that does not renew its lease; here it lives, and may just have renewed it.
     */
    const adoptFromFrozen = async (claim: StoreClaim): Promise<Store> => {
      for (let tries = 0; ; tries++) {
        // What an adoption does after the process's lease has ended.
        await place.run("DELETE FROM $node");
        try {
          return await open(adopting(claim));
        } catch (error) {
          if (tries === 20 || !isAtWork.test(String(error))) throw error;
        }
      }
    };
    /** The sentence with which an opening is refused. */
    const refusal = async (claim: StoreClaim, at = place): Promise<string> => {
      try {
        await openOnce(claim, at);
      } catch (error) {
        if (error instanceof StoreUnavailable) return error.message;
        throw error;
      }
      return "it was not refused";
    };
    const lease = (number: number, fromNowMs: number): Promise<void> =>
      place.run(
        `INSERT INTO $node (number, holder, until_ms${name.startsWith("Postgre") ? ", since_id" : ""})
         VALUES (${number}, 'other-${number}', ${Date.now() + fromNowMs}${name.startsWith("Postgre") ? ", 0" : ""})`,
      );

    test("has an identity of its own, the same for everybody and after each start", async () => {
      const [one, two] = [await open(first), await open(first)];
      expect(isStoreIdentity(one.identity?.identity ?? "")).toBe(true);
      expect(two.identity).toEqual(one.identity);
      expect(one.identity?.place).not.toContain("postgres@");
      const identity = one.identity?.identity ?? "";
      await closeAll();
      expect(await openOnce(first)).toBe(identity);
      const other = await makePlace();
      places.push(other);
      expect(await openOnce(first, other)).not.toBe(identity);
    });

    test("is the first cluster's that opens it, and refuses others, environments and standalone servers", async () => {
      await openOnce(claimOfNobody);
      const identity = await openOnce(first);
      for (const claim of [second, claimOf(["first"], false, "prod"), claimOfNobody])
        expect(await refusal(claim)).toMatch(isAnothers);
      expect(await refusal(claimOfNobody)).toContain("belongs to a cluster. Check that it is the right store; ");
      expect(await openOnce(claimOf(["second", "first"]))).toBe(identity);
      expect(await refusal(second)).toMatch(isAnothers);
    });

    test("a process that is refused holds no node number", async () => {
      await openOnce(first);
      expect(await refusal(second)).toMatch(isAnothers);
      expect(await openOnce(adopting(second))).not.toBe("");
    });

    test("is adopted once its owner has stopped, with another identity", async () => {
      const identity = await openOnce(first);
      const adopted = await openOnce(adopting(second));
      expect(isStoreIdentity(adopted)).toBe(true);
      expect(adopted).not.toBe(identity);
      expect(await openOnce(second)).toBe(adopted);
      expect(await refusal(first)).toMatch(isAnothers);
      // Nobody's: the next one takes it.
      const alone = await openOnce(adopting(claimOfNobody));
      expect([identity, adopted]).not.toContain(alone);
      expect(await openOnce(claimOfNobody)).toBe(alone);
      expect([identity, adopted, alone]).not.toContain(await openOnce(first));
    });

    test("is not adopted while a process of its owner lives, or was killed less than a lease ago", async () => {
      await openOnce(first);
      const living = await open(first);
      expect(await refusal(adopting(second))).toMatch(isAtWork);
      expect(await refusal(adopting(claimOfNobody))).toMatch(isAtWork);
      stored((await living.append([talk()]))[0]);
      await closeAll();
      await lease(7, 20_000);
      expect(await refusal(adopting(second))).toMatch(isAtWork);
    });

    test("is adopted in spite of leases that have ended, and of those that end later than any lease can", async () => {
      const identity = await openOnce(first);
      await lease(7, -1_000);
      await lease(8, 3_600_000);
      expect(await openOnce(adopting(second))).not.toBe(identity);
    });

    test("is adopted by the first of several nodes that start at once, which the others join", async () => {
      const identity = await openOnce(first);
      const stores = await Promise.all([1, 2, 3].map(() => open(adopting(second))));
      const identities = new Set(stores.map((store) => store.identity?.identity));
      expect(identities.size).toBe(1);
      expect(identities).not.toContain(identity);
    });

    test("is made by the first of two that open an empty place at once", async () => {
      const opening = [first, second].map((claim) => place.open(claim, silentLog));
      const results = await Promise.allSettled(opening);
      for (const result of results) if (result.status === "fulfilled") opened.push(result.value);
      expect(results.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    });

    test("says what became of --adopt", async () => {
      const lines: string[] = [];
      const log = createLog("warn", "text", (line) => lines.push(line));
      await openOnce(first);
      await open(adopting(second), log);
      expect(lines.join("")).toMatch(/The message store .* is adopted and has a new identity; leave --adopt out/);
      lines.length = 0;
      await open(adopting(second), log);
      expect(lines.join("")).toMatch(/The message store .* is not another cluster's: --adopt was not needed/);
      lines.length = 0;
      await open(second, log);
      expect(lines).toEqual([]);
    });

    test("a copy of it belongs to the same cluster; another one has to adopt it, and then they differ", async () => {
      const identity = await openOnce(first);
      const copied = await place.copy();
      places.push(copied);
      expect(await refusal(second, copied)).toMatch(isAnothers);
      const adopted = await openOnce(adopting(second), copied);
      expect(adopted).not.toBe(identity);
      expect(await openOnce(first)).toBe(identity);
      expect(await refusal(first, copied)).toMatch(isAnothers);
      expect(await refusal(second)).toMatch(isAnothers);
    });

    test("copies of a store that was nobody's differ once a cluster has taken them", async () => {
      const identity = await openOnce(claimOfNobody);
      const copied = await place.copy();
      places.push(copied);
      const [one, other] = [await openOnce(first), await openOnce(first, copied)];
      expect(new Set([identity, one, other]).size).toBe(3);
      expect(await openOnce(first)).toBe(one);
    });

    test("takes other fingerprints for its owner's on request", async () => {
      const store = await open(claimOf(["first", "next"]));
      await store.setOwners(claimOf(["next", "next"]).fingerprints);
      await closeAll();
      expect(await refusal(first)).toMatch(isAnothers);
      expect(await openOnce(claimOf(["next"]))).not.toBe("");
    });

    test("a process with changed keys goes on when the store is theirs alone, and is known by them alone", async () => {
      const [next, later] = [claimOf(["next"]).fingerprints, claimOf(["later"]).fingerprints];
      const sentences: string[] = [];
      const store = await place.open(first, silentLog, (sentence) => sentences.push(sentence));
      opened.push(store);
      store.claimAs(next);
      stored((await store.append([talk()]))[0]);
      const other = await open(claimOf(["first", "next"]));
      await other.setOwners(next);
      // It claims the store again.
      await place.run("DELETE FROM $node");
      stored((await store.append([talk()]))[0]);
      expect(await store.groupDetail("app", "1", "nobody")).toBeDefined();
      await store.setOwners(next);
      // What it was known by before counts no more.
      await place.run(`UPDATE $owner SET fingerprint = '${first.fingerprints[0]}'`);
      const outcome = await store.setOwners(later).then(
        () => "set",
        (error: unknown) => error,
      );
      expect(outcome).toBeInstanceOf(StoreUnavailable);
      await until(() => sentences.length > 0, "it is told");
      expect(sentences[0]).toMatch(isAnothers);
    }, 60_000);

    test("a process of the former owner that stood still during an adoption writes nothing more", async () => {
      const sentences: string[] = [];
      const frozen = await place.open(first, silentLog, (sentence) => sentences.push(sentence));
      opened.push(frozen);
      stored((await frozen.append([talk()]))[0]);
      const owner = await adoptFromFrozen(second);
      stored((await owner.append([talk()]))[0]);
      await expect(frozen.append([talk()])).rejects.toBeInstanceOf(StoreUnavailable);
      await until(() => sentences.length > 0, "it is told");
      expect(sentences[0]).toMatch(isAnothers);
      await expect(frozen.append([talk()])).rejects.toBeInstanceOf(StoreUnavailable);
      expect(frozen.isHealthy).toBe(false);
    }, 60_000);

    test("a former owner's process that stood still during an adoption reads nothing of the next owner", async () => {
      const frozen = await place.open(first, silentLog, () => undefined);
      opened.push(frozen);
      stored((await frozen.append([talk()]))[0]);
      const owner = await adoptFromFrozen(second);
      const { messageId } = stored((await owner.append([talk({ body: "of the next owner" })]))[0]);
      const query = { app: "app", account: "bob", device: "", after: 1n, includeSent: false, limit: 100 };
      const read = await frozen.index(query).then(
        (lines) => lines.map((line) => line.messageId),
        () => [],
      );
      expect(read).not.toContain(messageId);
      const contents = await contentsOf(frozen, "app", "bob", [messageId]).then(
        (found) => found.map(({ body }) => body),
        () => [],
      );
      expect(contents).toEqual([]);
    });

    test("a process that stood still during an adoption does not make it its own again", async () => {
      const frozen = await place.open(claimOf(["first", "next"]), silentLog, () => undefined);
      opened.push(frozen);
      for (const statement of ["DELETE FROM $owner", `INSERT INTO $owner VALUES ('${second.fingerprints[0]}')`])
        await place.run(statement);
      // Its row in `node` is still there, as if the adoption had not deleted it.
      await expect(frozen.setOwners(claimOf(["next"]).fingerprints)).rejects.toBeInstanceOf(StoreUnavailable);
      await frozen.close();
      opened.splice(opened.indexOf(frozen), 1);
      expect(await refusal(first)).toMatch(isAnothers);
      expect(await openOnce(second)).not.toBe("");
    });

    test("a process that has adopted it does not take its own adoption for a replaced store", async () => {
      await openOnce(first);
      const lines: string[] = [];
      const store = await open(
        adopting(second),
        createLog("warn", "text", (line) => lines.push(line)),
      );
      let replacements = 0;
      store.watchReplacement(() => replacements++);
      for (let turn = 0; turn < 3; turn++) stored((await store.append([talk()]))[0]);
      await store.setOwners(second.fingerprints);
      stored((await store.append([talk()]))[0]);
      expect(lines.join("")).toMatch(/The message store .* is adopted/);
      expect(lines.join("")).not.toContain("was replaced");
      expect(replacements).toBe(0);
    });

    test("a process that has adopted it does not adopt it again from its next owner", async () => {
      await openOnce(first);
      const sentences: string[] = [];
      opened.push(await place.open(adopting(second), silentLog, (sentence) => sentences.push(sentence)));
      // As if the process had been away while it was adopted once more.
      for (const statement of [
        "DELETE FROM $owner",
        `INSERT INTO $owner VALUES ('${first.fingerprints[0]}')`,
        "DELETE FROM $node",
        "UPDATE $identity SET epoch = identity",
      ])
        await place.run(statement);
      await expect(opened.at(-1)?.append([talk()])).rejects.toBeInstanceOf(StoreUnavailable);
      await until(() => sentences.length > 0, "it is told");
      expect(sentences[0]).toMatch(isAnothers);
    }, 60_000);

    for (const [what, statement] of [
      ["is gone", "DELETE FROM $identity"],
      ["is half written", "UPDATE $identity SET identity = substr(identity, 1, 17)"],
      ["is garbage", "UPDATE $identity SET identity = '0123456789ABCDEF0123456789ABCDEF'"],
    ] as const) {
      test(`refuses to start when its identity ${what}, and makes another one with --adopt`, async () => {
        const identity = await openOnce(first);
        await place.run(statement);
        expect(await refusal(first)).toMatch(/does not say which store it is: .*--adopt, which makes a new identity/);
        expect(await refusal(second)).toMatch(isAnothers);
        const made = await openOnce(adopting(first));
        expect(isStoreIdentity(made)).toBe(true);
        expect(made).not.toBe(identity);
        expect(await openOnce(first)).toBe(made);
      });
    }

    test("judges every claim by the one rule", async () => {
      const seed = testSeed("claims");
      const random = new Random(seed);
      const some = (): string[] => ["a", "b", "c"].filter(() => random.below(2) === 0);
      const owners = new Set<string>();
      for (let turn = 0; turn < 15; turn++) {
        const claim = claimOf(some(), random.below(3) === 0);
        const before = [...owners];
        const outcome = judgeClaim(before, claim);
        const said = await refusal(claim);
        expect([seed, turn, isAnothers.test(said)]).toEqual([seed, turn, outcome === "refused"]);
        if (outcome === "refused" || outcome === "kept") continue;
        owners.clear();
        for (const fingerprint of claim.fingerprints) owners.add(fingerprint);
      }
    }, 60_000);
  });
}
