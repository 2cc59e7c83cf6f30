// What engines that several processes share give besides: leases, reads that see what others wrote, presence and its
// repair. Every engine is opened twice.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { gatewaySuspectMs } from "../../src/base/limits/fixed.ts";
import { limitTable, limitValues } from "../../src/base/limits/table.ts";
import type { GatewayStart, Location, SessionLimits, Sessions } from "../../src/session/sessions.ts";
import { bound } from "../support/bounds.ts";
import { Random, testSeed } from "../support/random.ts";
import { until } from "../../scripts/harness/until.ts";
import { location } from "./locations.ts";
import { type Engine } from "./sessions-suite.ts";

/** Hands on the engine's own data, so that no test waits for a lease to end. */
export interface SharedEngine extends Engine {
  /** Lets the leases' clock run. */
  elapse(ms: number): Promise<void>;
  /**
   * Makes it so long ago that anybody renewed a lease, as a leap of the wall clock does; negative: as if it was set
   * back.
   */
  standStill(ms: number): Promise<void>;
  /** Cuts the log of changes down to the newest one. */
  cutLog(): Promise<void>;
}

const devicesPerAccountMax = limitTable.devicesPerAccount.initial;
const gatewayLeaseMs = limitTable.gatewayLeaseMs.initial;

const gw1: GatewayStart = { gateway: "gw1", incarnation: "i1" };
const gw2: GatewayStart = { gateway: "gw2", incarnation: "i1" };

export function sharedSessionsSuite(name: string, makeEngine: (limits?: SessionLimits) => Promise<SharedEngine>): void {
  describe(name, () => {
    let engine: SharedEngine;
    let login: Sessions;
    let chat: Sessions;
    beforeEach(async () => {
      engine = await makeEngine();
      login = await engine.open();
      chat = await engine.open();
    });
    afterEach(async () => {
      await login.close();
      await chat.close();
      await engine.remove();
    });

    const locate = async (account: string): Promise<readonly Location[]> =>
      (await chat.locate("app", [account]))[0] ?? [];
    /** What the reader's listeners hear, as `online ann`. */
    const watch = (): string[] => {
      const told: string[] = [];
      chat.watchPresence({
        online: (_, account) => told.push(`online ${account}`),
        offline: (_, account) => told.push(`offline ${account}`),
        reset: () => told.push("reset"),
      });
      return told;
    };
    /** Time passes, and a login node that hears of no gateway notices. */
    const pass = async (ms: number): Promise<void> => {
      await engine.elapse(ms);
      await login.renew([]);
    };

    describe("leases", () => {
      /** How many sessions there are of a gateway that nobody has heard for so long, where its lease is 20 s. */
      const leftAfter = async (ms: number): Promise<number> => {
        const patient = await makeEngine({ ...limitValues(), gatewayLeaseMs: 20_000 });
        const opened = await patient.open();
        await opened.renew([gw1]);
        await opened.put("app", "ann", location(gw1));
        await patient.elapse(ms);
        await opened.renew([]);
        const [left = []] = await opened.locate("app", ["ann"]);
        await opened.close();
        await patient.remove();
        return left.length;
      };
      bound("gatewayLeaseMs", {
        // What the clock itself has run since the renewal comes on top.
        at: async () => expect(await leftAfter(15_000)).toBe(1),
        above: async () => expect(await leftAfter(20_000)).toBe(0),
      });

      test("a put grants one, and the session ends with it, also where it was read before", async () => {
        const place = location(gw1);
        await login.put("app", "ann", place);
        await pass(gatewayLeaseMs - 2_000);
        expect(await locate("ann")).toEqual([place]);
        await pass(2_000);
        expect(await locate("ann")).toEqual([]);
        expect(await login.remove("app", "ann", place.channelId)).toBe(false);
      });

      test("lasts as long as any login node renews it", async () => {
        const place = location(gw1);
        await login.put("app", "ann", place);
        for (let times = 0; times < 5; times++) {
          await engine.elapse(gatewayLeaseMs - 3_000);
          await (times % 2 === 0 ? login : chat).renew([gw2, gw1]);
        }
        expect(await locate("ann")).toEqual([place]);
      });

      test("the renewal says whose lease nobody had renewed: new gateways, and those that had ended", async () => {
        expect(await login.renew([gw1])).toEqual([gw1]);
        expect(await login.renew([gw1, gw2])).toEqual([gw2]);
        expect(await chat.renew([gw2, gw1])).toEqual([]);
        await pass(gatewayLeaseMs);
        expect(await login.renew([gw1])).toEqual([gw1]);
        // A put that comes before the renewal does not hide that the gateway's other sessions are gone.
        await login.put("app", "ann", location(gw2));
        expect(await login.renew([gw2])).toEqual([gw2]);
      });

      test("those whose time has come are counted where it is noticed, if sessions ended with them", async () => {
        expect([login.leasesEnded, chat.leasesEnded]).toEqual([0, 0]);
        await login.put("app", "ann", location(gw1));
        // Nobody is signed in there any more.
        const gone = location(gw2);
        await login.put("app", "bob", gone);
        await login.remove("app", "bob", gone.channelId);
        await pass(gatewayLeaseMs);
        expect([login.leasesEnded, chat.leasesEnded]).toEqual([1, 0]);
        await login.put("app", "ann", location(gw1));
        await login.removeGateway("gw1");
        await pass(gatewayLeaseMs);
        expect(login.leasesEnded).toBe(1);
      });

      test("the starts of gateways are reported until their leases end", async () => {
        expect(await chat.gateways?.()).toEqual([]);
        await login.renew([gw1]);
        await login.put("app", "ann", location(gw2));
        await login.renew([{ gateway: "gw2", incarnation: "i2" }]);
        const starts = [gw1, gw2, { gateway: "gw2", incarnation: "i2" }];
        const order = (a: GatewayStart, b: GatewayStart): number =>
          `${a.gateway} ${a.incarnation}`.localeCompare(`${b.gateway} ${b.incarnation}`);
        expect((await chat.gateways?.())?.toSorted(order)).toEqual(starts);
        await login.removeGateway("gw2", "i2");
        expect((await chat.gateways?.())?.toSorted(order)).toEqual([gw1, { gateway: "gw2", incarnation: "i2" }]);
        await pass(gatewayLeaseMs);
        expect(await chat.gateways?.()).toEqual([]);
      });

      test("one that begins anew brings back nothing", async () => {
        await login.put("app", "ann", location(gw1));
        await pass(gatewayLeaseMs);
        await login.renew([gw1]);
        expect(await locate("ann")).toEqual([]);
        const place = location(gw1);
        expect(await login.put("app", "ann", place)).toEqual({ result: "put", replaced: undefined });
        expect(await locate("ann")).toEqual([place]);
      });

      test("is each start's own", async () => {
        const fresh = location({ device: "laptop", gateway: "gw1", incarnation: "i2" });
        await login.put("app", "ann", location(gw1));
        await login.put("app", "ann", fresh);
        await engine.elapse(gatewayLeaseMs - 1);
        await login.renew([{ gateway: "gw1", incarnation: "i2" }]);
        await pass(1);
        expect(await locate("ann")).toEqual([fresh]);
      });

      test("a suspected gateway's ends soon, unless another login node still hears it", async () => {
        await login.put("app", "ann", location(gw1));
        const kept = location(gw2);
        await login.put("app", "bob", kept);
        await login.suspect("gw1", "i1");
        await login.suspect("gw2", "i1");
        await login.suspect("gw3", "unknown");
        await chat.renew([gw2]);
        await pass(gatewaySuspectMs);
        expect(await locate("ann")).toEqual([]);
        expect(await locate("bob")).toEqual([kept]);
      });

      test("suspicion prolongs nothing, nor does a put", async () => {
        await login.put("app", "ann", location(gw1));
        await pass(gatewayLeaseMs - 1);
        await login.suspect("gw1", "i1");
        await login.put("app", "bob", location(gw1));
        await pass(1);
        expect(await locate("ann")).toEqual([]);
        expect(await locate("bob")).toEqual([]);
      });

      test("sessions that have ended do not count for the bound on devices", async () => {
        for (let at = 0; at < devicesPerAccountMax; at++) {
          const start = at === 0 ? gw2 : gw1;
          expect((await login.put("app", "ann", location({ ...start, device: `d${at}` }))).result).toBe("put");
        }
        await engine.elapse(gatewayLeaseMs);
        await login.renew([gw2]);
        for (let at = 1; at < devicesPerAccountMax; at++) {
          const outcome = await login.put("app", "ann", location({ ...gw2, device: `d${at}` }));
          expect(outcome).toEqual({ result: "put", replaced: undefined });
        }
        expect((await login.put("app", "ann", location({ ...gw2, device: "more" }))).result).toBe("tooManyDevices");
      });

      test("listeners hear of everybody whom an end takes away, without asking", async () => {
        for (let at = 0; at < 450; at++) await login.put("app", `a${at}`, location(gw1));
        await login.put("app", "a0", location({ ...gw2, device: "phone" }));
        await locate("a0");
        const told = watch();
        await engine.elapse(gatewayLeaseMs);
        await login.renew([gw2]);
        await until(() => told.length >= 449, "everybody is offline");
        const expected = Array.from({ length: 449 }, (_, at) => `offline a${at + 1}`);
        expect(told.toSorted()).toEqual(expected.toSorted());
        expect(await locate("a0")).toHaveLength(1);
      });

      test("who signs in before an ended session is removed went and came", async () => {
        await login.put("app", "ann", location(gw1));
        await locate("ann");
        const told = watch();
        await engine.elapse(gatewayLeaseMs);
        await Promise.all([login.renew([]), login.put("app", "ann", location(gw2))]);
        expect(await locate("ann")).toHaveLength(1);
        expect(told).toEqual(["offline ann", "online ann"]);
      });

      test("no lease ends because everybody stood still", async () => {
        await login.renew([gw1]);
        const place = location(gw1);
        await login.put("app", "ann", place);
        await engine.standStill(60 * 60_000);
        await login.renew([]);
        expect(await locate("ann")).toEqual([place]);
      });

      test("a clock that leaps by a year and back, repeatedly, ends no renewed lease and prolongs none", async () => {
        await login.renew([gw1, gw2]);
        const [living, dead] = [location(gw1), location(gw2)];
        await login.put("app", "ann", living);
        await login.put("app", "bob", dead);
        for (let leaps = 0; leaps <= gatewayLeaseMs / 1_000; leaps++) {
          await engine.standStill(365 * 86_400_000);
          await login.renew([]);
          expect(await locate("ann")).toEqual([living]);
          await engine.standStill(-365 * 86_400_000);
          await login.renew([gw1]);
          expect(await locate("ann")).toEqual([living]);
        }
        expect(await locate("bob")).toEqual([]);
      });
    });

    describe("two openings", () => {
      test("ten thousand accounts are located in one call, cached or not", async () => {
        const accounts = Array.from({ length: 10_000 }, (_, at) => `a${at}`);
        const places = accounts.map(() => location());
        await Promise.all(accounts.map((account, at) => login.put("app", account, places[at] ?? location())));
        expect(await chat.locate("app", accounts)).toEqual(places.map((place) => [place]));
        await login.remove("app", "a5000", places[5000]?.channelId ?? "");
        const expected = places.map((place, at) => (at === 5000 ? [] : [place]));
        expect(await chat.locate("app", accounts)).toEqual(expected);
      });

      test("a reader that was left behind by the log forgets all, and says so", async () => {
        const told = watch();
        await login.put("app", "ann", location());
        await locate("ann");
        const ofBob = location();
        // A background fence that comes in between makes it a reader that is not behind: then another time.
        for (let times = 0; times < 20 && told.at(-1) !== "reset"; times++) {
          await login.removeGateway("gw1");
          await login.put("app", "bob", ofBob);
          await engine.cutLog();
          expect(await chat.locate("app", ["ann", "bob"])).toEqual([[], [ofBob]]);
        }
        expect(told.at(-1)).toBe("reset");
      });

      test("presence is reported without a request", async () => {
        const told = watch();
        const place = location();
        await login.put("app", "ann", place);
        await until(() => told.length === 1, "ann is online");
        await login.remove("app", "ann", place.channelId);
        await until(() => told.length === 2, "ann is offline");
        expect(told).toEqual(["online ann", "offline ann"]);
      });

      test("a listener that asks for locations hears the rest in order", async () => {
        const told: string[] = [];
        const looks: unknown[] = [];
        const look = (word: string) => (app: string, account: string) => {
          told.push(`${word} ${account}`);
          looks.push(chat.locate(app, [account]));
        };
        chat.watchPresence({ online: look("online"), offline: look("offline") });
        const place = location();
        await login.put("app", "ann", place);
        await login.put("app", "bob", location());
        await login.remove("app", "ann", place.channelId);
        await locate("ann");
        await Promise.all(looks);
        expect(told).toEqual(["online ann", "online bob", "offline ann"]);
      });

      test("a read beside a write that is under way hides nothing from the read after its answer", async () => {
        const read = (): unknown => chat.locate("app", ["ann"]);
        const [first, second] = [location(), location()];
        const put = login.put("app", "ann", first);
        const beside = read();
        await put;
        expect(await locate("ann")).toEqual([first]);
        const before = read();
        await login.put("app", "ann", second);
        expect(await locate("ann")).toEqual([second]);
        await Promise.all([beside, before]);
      });

      test("both write and both read: every read sees what was answered before it", async () => {
        const random = new Random(testSeed(`${name}: both write and both read`));
        const openings: readonly [Sessions, Sessions] = [login, chat];
        const accounts = Array.from({ length: 12 }, (_, at) => `a${at}`);
        // Version 2k of an account is a session v2k, version 2k + 1 its absence.
        const started = new Map(accounts.map((account) => [account, 1]));
        const answered = new Map(started);
        const online = new Set<string>();
        chat.watchPresence({
          online: (_, account) => void online.add(account),
          offline: (_, account) => void online.delete(account),
        });
        const writing = new Set(accounts);
        const wrong: string[] = [];
        const write = async (account: string): Promise<void> => {
          for (let version = 2; version < 160; version++) {
            started.set(account, version);
            const opening = random.pick(openings);
            if (version % 2 === 0) await opening.put("app", account, location({ channelId: `v${version}` }));
            else if (!(await opening.remove("app", account, `v${version - 1}`))) wrong.push(`${account} ${version}`);
            answered.set(account, version);
            if (random.once(3)) await Bun.sleep(0);
          }
          writing.delete(account);
        };
        let reads = 0;
        const read = async (opening: Sessions): Promise<void> => {
          while (writing.size > 0) {
            const asked = accounts.filter(() => random.once(2));
            const least = asked.map((account) => answered.get(account) ?? 0);
            const located = await opening.locate("app", asked);
            for (const [at, account] of asked.entries()) {
              const [low, high] = [least[at] ?? 0, started.get(account) ?? 0];
              const [found] = located[at] ?? [];
              const version = found === undefined ? low + ((low + 1) % 2) : Number(found.channelId.slice(1));
              if (version < low || version > high) wrong.push(`${account}: ${version} is not in ${low}..${high}`);
              reads++;
            }
            await Bun.sleep(0);
          }
        };
        await Promise.all([...accounts.map(write), read(login), read(chat), read(chat)]);
        expect(wrong).toEqual([]);
        expect(reads).toBeGreaterThan(100);
        const located = await chat.locate("app", accounts);
        expect(online).toEqual(new Set(accounts.filter((_, at) => (located[at] ?? []).length > 0)));
      });
    });
  });
}
