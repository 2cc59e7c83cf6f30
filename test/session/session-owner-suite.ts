// Which store a session store is and whose, as tests for every engine that services share.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  claimOfNobody,
  clusterFingerprint,
  isStoreIdentity,
  judgeClaim,
  newStoreIdentity,
  type StoreClaim,
} from "../../src/auth/store-ownership.ts";
import { createLog, silentLog, type Log } from "../../src/base/log.ts";
import { SessionsUnavailable, type Sessions } from "../../src/session/sessions.ts";
import { Random, testSeed } from "../support/random.ts";
import { until } from "../../scripts/harness/until.ts";
import { location } from "./locations.ts";
import { ManualTimers } from "../support/manual-timers.ts";

export interface OwnedEngine {
  /** `time`: the engine's own, in place of the machine's. */
  open(claim: StoreClaim, log: Log, refused: (sentence: string) => void, time?: ManualTimers): Promise<Sessions>;
  /** What the store says of itself, unchecked. */
  read(): Promise<{ readonly identity: unknown; readonly owners: unknown }>;
  /** Writes that by hand; undefined leaves it as it is. */
  write(change: { readonly identity?: string; readonly owners?: string }): Promise<void>;
  /** Takes all of the store away. */
  empty(): Promise<void>;
  /** Further ways in which the record can be damaged. */
  readonly spoil: Readonly<Record<string, () => Promise<void>>>;
  /** Makes the last renewal of a lease so much later. */
  shiftRenewal(ms: number): Promise<void>;
  remove(): Promise<void>;
}

const key = (name: string): Uint8Array => new TextEncoder().encode(`a cluster key called ${name}`);
export const claimOf = (names: readonly string[], adopt = false, env = "dev"): StoreClaim => ({
  fingerprints: names.map((name) => clusterFingerprint(key(name), env)),
  adopt,
});
const [first, second] = [claimOf(["first"]), claimOf(["second"])];
const adopting = (claim: StoreClaim): StoreClaim => ({ ...claim, adopt: true });
const isAnothers = /^The session store .* belongs to a(?:nother)? cluster.*--adopt\.$/;
const isAtWork = /^The session store .* cannot be adopted: processes of its owner are at work on it/;
const isUnclear = /^The session store .* does not say which store it is: .*--adopt, which makes a new identity\.$/;
const gateway = { gateway: "gw1", incarnation: "i1" };

export function sessionOwnerSuite(name: string, makeEngine: () => Promise<OwnedEngine>): void {
  describe(`${name} and their owner`, () => {
    let engine: OwnedEngine;
    const opened: Sessions[] = [];
    beforeEach(async () => {
      engine = await makeEngine();
    });
    afterEach(async () => {
      await closeAll();
      await engine.remove();
    });

    const closeAll = async (): Promise<void> => {
      for (const sessions of opened.splice(0)) await sessions.close();
    };
    const open = async (
      claim: StoreClaim,
      log: Log = silentLog,
      refused: (sentence: string) => void = () => undefined,
    ): Promise<Sessions> => {
      const sessions = await engine.open(claim, log, refused);
      opened.push(sessions);
      return sessions;
    };
    /** Opens an engine that watches the store first; its seconds pass at once. */
    const adopt = async (
      claim: StoreClaim,
      log: Log = silentLog,
      refused: (sentence: string) => void = () => undefined,
      time = new ManualTimers(),
    ): Promise<Sessions> => {
      const sessions = await time.during(engine.open(adopting(claim), log, refused, time));
      opened.push(sessions);
      return sessions;
    };
    const openOnce = async (claim: StoreClaim, time?: ManualTimers): Promise<string> => {
      const opening = engine.open(claim, silentLog, () => undefined, time);
      const sessions = await (time?.during(opening) ?? opening);
      const { identity = "" } = sessions.identity ?? {};
      await sessions.close();
      return identity;
    };
    /** The sentence with which an opening is refused. */
    const refusal = async (claim: StoreClaim, time?: ManualTimers): Promise<string> => {
      try {
        await openOnce(claim, time);
      } catch (error) {
        if (error instanceof SessionsUnavailable) return error.message;
        throw error;
      }
      return "it was not refused";
    };

    test("they have an identity, the same for everybody and after each start", async () => {
      const [one, two] = [await open(first), await open(first)];
      const { identity = "", place = "" } = one.identity ?? {};
      expect(isStoreIdentity(identity)).toBe(true);
      expect(place).not.toContain("p@ss");
      expect(two.identity).toEqual({ identity, place });
      await closeAll();
      expect(await openOnce(first)).toBe(identity);
      expect(await engine.read()).toEqual({ identity, owners: first.fingerprints[0] });
    });

    test("they are those of the first cluster that opens them, and refuse others and other environments", async () => {
      await openOnce(claimOfNobody);
      const identity = await openOnce(first);
      for (const claim of [second, claimOf(["first"], false, "prod"), claimOfNobody])
        expect(await refusal(claim)).toMatch(isAnothers);
      expect(await openOnce(claimOf(["second", "first"]))).toBe(identity);
      expect(await refusal(second)).toMatch(isAnothers);
    });

    test("two clusters that open an empty store at once: one of them has it", async () => {
      const opening = [first, second].map((claim) => engine.open(claim, silentLog, () => undefined));
      const results = await Promise.allSettled(opening);
      for (const result of results) if (result.status === "fulfilled") opened.push(result.value);
      expect(results.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    });

    test("they are adopted once nobody renews any more, by the first of several, with another identity", async () => {
      const identity = await openOnce(first);
      const made = new Set<string>();
      for (const sessions of await Promise.all([1, 2, 3].map(() => adopt(second))))
        made.add(sessions.identity?.identity ?? "");
      expect(made.size).toBe(1);
      expect(made).not.toContain(identity);
      expect(await refusal(first)).toMatch(isAnothers);
    });

    test("they are not adopted while a login node renews, whatever the clocks say", async () => {
      const login = await open(first);
      await login.renew([gateway]);
      for (const ms of [0, 3_600_000, -3_600_000]) {
        await engine.shiftRenewal(ms);
        expect(await refusal(adopting(second))).toMatch(isAtWork);
      }
    });

    test("they are not adopted while a login node that has not renewed yet begins to", async () => {
      const login = await open(first);
      const lines: string[] = [];
      const log = createLog("info", "text", (line) => lines.push(line));
      const opening = engine.open(adopting(second), log, () => undefined);
      await until(() => lines.join("").includes("is watched before it is adopted"), "it watches");
      await login.renew([gateway]);
      await expect(opening).rejects.toThrow(isAtWork);
    });

    test("they are adopted some seconds after the last renewal, also one that lies ahead of the clock", async () => {
      const login = await open(first);
      await login.renew([gateway]);
      await closeAll();
      await engine.shiftRenewal(3_600_000);
      const lines: string[] = [];
      const log = createLog("info", "text", (line) => lines.push(line));
      await adopt(second, log);
      expect(lines.join("")).toMatch(/is watched before it is adopted: .* seconds=5\n.* is adopted/);
      expect(await refusal(first)).toMatch(isAnothers);
    }, 20_000);

    test("the log says what became of --adopt", async () => {
      const lines: string[] = [];
      const log = createLog("warn", "text", (line) => lines.push(line));
      await openOnce(first);
      await adopt(second, log);
      expect(lines.join("")).toMatch(/The session store .* is adopted and has a new identity; leave --adopt out/);
      lines.length = 0;
      await adopt(second, log);
      expect(lines.join("")).toMatch(/The session store .* is not another cluster's: --adopt was not needed/);
    });

    test("other fingerprints become the owner's on request", async () => {
      const sessions = await open(claimOf(["first", "next"]));
      await sessions.setOwners?.(claimOf(["next", "next"]).fingerprints);
      expect((await engine.read()).owners).toBe(claimOf(["next"]).fingerprints[0]);
      await closeAll();
      expect(await refusal(first)).toMatch(isAnothers);
    });

    test("a process with changed keys goes on when the store is theirs alone, and is known by them alone", async () => {
      const next = claimOf(["next"]).fingerprints;
      const sentences: string[] = [];
      const sessions = await open(first, silentLog, (sentence) => sentences.push(sentence));
      sessions.claimAs?.(next);
      await (await open(claimOf(["first", "next"]))).setOwners?.(next);
      // It claims the store with each poll.
      await Bun.sleep(1_200);
      await sessions.put("app", "ann", location());
      await sessions.setOwners?.(next);
      expect([sentences, (await engine.read()).owners]).toEqual([[], next[0]]);
      await engine.write({ owners: first.fingerprints[0] ?? "" });
      await until(() => sentences.length > 0, "it is told");
      expect(sentences[0]).toMatch(isAnothers);
    });

    test("a process that stood still during an adoption does not make the store its own again", async () => {
      const sentences: string[] = [];
      const sessions = await open(claimOf(["first", "next"]), silentLog, (sentence) => sentences.push(sentence));
      await engine.write({ identity: newStoreIdentity(), owners: second.fingerprints[0] ?? "" });
      // Before its next poll finds out.
      await expect(sessions.setOwners?.(claimOf(["next"]).fingerprints)).rejects.toBeInstanceOf(SessionsUnavailable);
      expect((await engine.read()).owners).toBe(second.fingerprints[0]);
      await until(() => sentences.length > 0, "it is told");
      expect(sentences[0]).toMatch(isAnothers);
      expect((await engine.read()).owners).toBe(second.fingerprints[0]);
    });

    test("a store whose owner was removed by hand gets the owners that are given", async () => {
      const sessions = await open(first);
      await engine.write({ owners: "" });
      await sessions.setOwners?.(first.fingerprints);
      expect((await engine.read()).owners).toBe(first.fingerprints[0]);
    });

    test("an emptied store is given its identity and its owner again by those who have it open", async () => {
      const sessions = [await open(first), await open(first)];
      const identity = sessions[0]?.identity?.identity;
      await engine.empty();
      await until(async () => (await engine.read()).identity === identity, "the store says who it is");
      expect((await engine.read()).owners).toBe(first.fingerprints[0]);
      expect(await refusal(second)).toMatch(isAnothers);
      await until(() => sessions.every(({ isHealthy }) => isHealthy), "all work");
      for (const each of sessions) expect(each.identity?.identity).toBe(identity);
      await sessions[0]?.put("app", "ann", location());
    });

    test("a store that another process of the cluster has made anew is accepted, with a warning", async () => {
      const lines: string[] = [];
      const log = createLog("warn", "text", (line) => lines.push(line));
      const sessions = await open(first, log);
      const identity = newStoreIdentity();
      await engine.write({ identity });
      await until(() => sessions.identity?.identity === identity, "it has the new identity");
      await until(() => sessions.isHealthy, "it works");
      expect(lines.join("")).toContain("is a different store than before");
      expect((await engine.read()).identity).toBe(identity);
    });

    test("a process whose open store becomes another cluster's reports it, and changes nothing any more", async () => {
      const sentences: string[] = [];
      const sessions = await open(first, silentLog, (sentence) => sentences.push(sentence));
      await engine.write({ identity: newStoreIdentity(), owners: second.fingerprints[0] ?? "" });
      await until(() => sentences.length > 0, "it is told");
      expect(sentences[0]).toMatch(isAnothers);
      await expect(sessions.put("app", "ann", location())).rejects.toBeInstanceOf(SessionsUnavailable);
      await expect(Promise.resolve(sessions.locate("app", ["ann"]))).rejects.toBeInstanceOf(SessionsUnavailable);
      expect(sessions.isHealthy).toBe(false);
      await Bun.sleep(1_200);
      expect(sentences).toHaveLength(1);
    });

    test("who has adopted a store does not adopt it again from its next owner", async () => {
      await openOnce(first);
      const sentences: string[] = [];
      const time = new ManualTimers();
      await adopt(second, silentLog, (sentence) => sentences.push(sentence), time);
      await engine.write({ identity: newStoreIdentity(), owners: first.fingerprints[0] ?? "" });
      await time.during(until(() => sentences.length > 0, "it is told"));
      expect(sentences[0]).toMatch(isAnothers);
    });

    const damage = async (how: string): Promise<void> => {
      if (how === "half an identity") await engine.write({ identity: "0123456789abcdef0" });
      else if (how === "letters that are no digits")
        await engine.write({ identity: "xyz3456789abcdef0123456789abcdef" });
      else if (how === "owners of another form") await engine.write({ owners: "somebody else" });
      else await engine.spoil[how]?.();
    };

    test("a garbage identity is refused at the start, mended by who knows it, replaced with --adopt", async () => {
      for (const how of [
        "half an identity",
        "letters that are no digits",
        "owners of another form",
        ...Object.keys(engine.spoil),
      ]) {
        const identity = await openOnce(first);
        await damage(how);
        expect([how, await refusal(first)]).toEqual([how, expect.stringMatching(isUnclear)]);
        const made = (await adopt(first)).identity?.identity ?? "";
        await closeAll();
        expect([how, isStoreIdentity(made), made === identity]).toEqual([how, true, false]);
        const running = await open(first);
        await damage(how);
        const isMended = async (): Promise<boolean> => {
          const { identity: said, owners } = await engine.read();
          return said === made && owners === first.fingerprints[0];
        };
        await until(isMended, `${how} is mended`);
        await until(() => running.isHealthy, "it works");
        await closeAll();
      }
    }, 60_000);

    test("every claim is judged by the one rule", async () => {
      const seed = testSeed("claims of sessions");
      const random = new Random(seed);
      const some = (): string[] => ["a", "b", "c"].filter(() => random.below(2) === 0);
      let owners: readonly string[] = [];
      for (let turn = 0; turn < 60; turn++) {
        const claim = claimOf(some(), random.below(3) === 0);
        const outcome = judgeClaim(owners, claim);
        const said = await refusal(claim, new ManualTimers());
        expect([seed, turn, isAnothers.test(said)]).toEqual([seed, turn, outcome === "refused"]);
        if (outcome === "taken" || outcome === "adopted") owners = claim.fingerprints;
        expect([seed, turn, (await engine.read()).owners]).toEqual([seed, turn, owners.join(",")]);
      }
    }, 60_000);
  });
}
