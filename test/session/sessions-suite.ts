// The guarantees of src/session/sessions.ts as tests, for every engine: an engine's own test file gives a factory of
// empty ones. Each is opened twice, as a login and a chat service open it: one opening is written to, the other one
// read.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { limitValues } from "../../src/base/limits/table.ts";
import type { Location, PutOutcome, SessionLimits, Sessions } from "../../src/session/sessions.ts";
import { bound } from "../support/bounds.ts";
import { byChannel, devicesPerAccountMax, location } from "./locations.ts";
import { presenceTests } from "./presence-tests.ts";

/** Signs ann in on as many devices as are allowed: d0, d1, … */
async function fill(sessions: Sessions): Promise<Location[]> {
  const places = Array.from({ length: devicesPerAccountMax }, (_, at) => location({ device: `d${at}` }));
  for (const place of places) expect((await sessions.put("app", "ann", place)).result).toBe("put");
  return places;
}

/** An engine without sessions; whoever opens it closes it. */
export interface Engine {
  /** Another opening of the same sessions. */
  open(): Promise<Sessions>;
  remove(): Promise<void>;
}

export function sessionsSuite(name: string, makeEngine: (limits?: SessionLimits) => Promise<Engine>): void {
  describe(name, () => {
    let engine: Engine;
    let sessions: Sessions;
    let reader: Sessions;
    beforeEach(async () => {
      engine = await makeEngine();
      sessions = await engine.open();
      reader = await engine.open();
    });
    afterEach(async () => {
      await sessions.close();
      await reader.close();
      await engine.remove();
    });

    test("a location keeps its features at a sign-in and when put again; those of its device end with it", async () => {
      const [plain, first, second] = [
        location(),
        location({ features: ["renew"] }),
        location({ device: "phone", features: ["renew"] }),
      ];
      await sessions.put("app", "ann", first);
      expect(await reader.locate("app", ["ann"])).toEqual([[first]]);
      expect(await sessions.put("app", "ann", plain)).toEqual({ result: "put", replaced: first });
      expect(await reader.locate("app", ["ann"])).toEqual([[plain]]);
      expect(await sessions.restore("app", "ann", second)).toBe("restored");
      expect(await sessions.restore("app", "ann", second)).toBe("present");
      expect((await reader.locate("app", ["ann"]))[0]?.find(({ device }) => device === "phone")).toEqual(second);
      await sessions.remove("app", "ann", second.channelId);
      expect(await reader.locate("app", ["ann"])).toEqual([[plain]]);
      const old = location({ features: ["first-version"] });
      await sessions.put("app", "ann", old);
      expect(await reader.locate("app", ["ann"])).toEqual([[old]]);
    });

    const locate = async (account: string, app = "app"): Promise<readonly Location[]> => {
      const [found] = await reader.locate(app, [account]);
      return (found ?? []).toSorted(byChannel);
    };
    const put = (account: string, place: Location, app = "app"): Promise<PutOutcome> =>
      sessions.put(app, account, place);
    describe("restore", () => {
      test("a lost session is put again, a present one stays, a newer one of its device is not replaced", async () => {
        const place = location({ device: "phone" });
        expect(await sessions.restore("app", "ann", place)).toBe("restored");
        expect(await sessions.restore("app", "ann", place)).toBe("present");
        expect(await locate("ann")).toEqual([place]);
        expect(await sessions.restore("app", "ann", location({ device: "phone" }))).toBe("refused");
        expect(await locate("ann")).toEqual([place]);
      });

      test("is refused beyond the number of devices", async () => {
        await fill(sessions);
        expect(await sessions.restore("app", "ann", location({ device: "one more" }))).toBe("refused");
      });
    });

    describe("put and locate", () => {
      test("an account that never signed in is nowhere", async () => {
        expect(await reader.locate("app", ["ann"])).toEqual([[]]);
        expect(await reader.locate("app", [])).toEqual([]);
      });

      test("a session is found by its app and account", async () => {
        const place = location({ device: "phone" });
        expect(await put("ann", place)).toEqual({ result: "put", replaced: undefined });
        expect(await locate("ann")).toEqual([place]);
      });

      test("answers in the order of the accounts asked, repeated and absent ones too", async () => {
        const ofAnn = location();
        const ofBob = location();
        await put("ann", ofAnn);
        await put("bob", ofBob);
        expect(await reader.locate("app", ["bob", "nobody", "ann", "bob"])).toEqual([[ofBob], [], [ofAnn], [ofBob]]);
      });

      test("finds each once among many, however often it is asked for", async () => {
        const accounts = Array.from({ length: 100 }, (_, at) => `a${at}`);
        const places = accounts.map(() => location());
        for (const [at, account] of accounts.entries()) await put(account, places[at] ?? location());
        const [first = location()] = places;
        expect(await reader.locate("app", [...accounts, "nobody", "a0"])).toEqual([
          ...places.map((place) => [place]),
          [],
          [first],
        ]);
      });

      test("an account is on each of its devices", async () => {
        const phone = location({ device: "phone" });
        const laptop = location({ device: "laptop", gateway: "gw2" });
        const nameless = location({ device: "" });
        for (const place of [phone, laptop, nameless]) await put("ann", place);
        expect(await locate("ann")).toEqual([phone, laptop, nameless].toSorted(byChannel));
      });

      test("a newer session of a device replaces the older one and returns it", async () => {
        const old = location({ device: "phone", gateway: "gw1" });
        const fresh = location({ device: "phone", gateway: "gw2" });
        const laptop = location({ device: "laptop" });
        await put("ann", laptop);
        await put("ann", old);
        expect(await put("ann", fresh)).toEqual({ result: "put", replaced: old });
        expect(await locate("ann")).toEqual([laptop, fresh].toSorted(byChannel));
      });

      test("what was located does not change afterwards", async () => {
        const phone = location({ device: "phone" });
        await put("ann", phone);
        const [before] = await reader.locate("app", ["ann"]);
        await put("ann", location({ device: "laptop" }));
        await sessions.remove("app", "ann", phone.channelId);
        expect(before).toEqual([phone]);
      });

      test("two concurrent sign-ins of one device leave exactly one session; each loser is named once", async () => {
        const places = Array.from({ length: 10 }, (_, at) => location({ device: "phone", gateway: `gw${at % 2}` }));
        const outcomes = await Promise.all(places.map((place) => put("ann", place)));
        const replaced = outcomes.flatMap((outcome) => (outcome.result === "put" ? (outcome.replaced ?? []) : []));
        const left = await locate("ann");
        expect(left).toHaveLength(1);
        expect([...replaced, ...left].toSorted(byChannel)).toEqual(places.toSorted(byChannel));
      });
    });

    describe("the bound on devices", () => {
      /** Opens an engine for one test, in which an account may have two devices, and puts this many. */
      const withTwo = async (count: number): Promise<PutOutcome["result"][]> => {
        const small = await makeEngine({ ...limitValues(), devicesPerAccount: 2 });
        const opened = await small.open();
        const results: PutOutcome["result"][] = [];
        for (let at = 0; at < count; at++)
          results.push((await opened.put("app", "ann", location({ device: `d${at}` }))).result);
        await opened.close();
        await small.remove();
        return results;
      };
      bound("devicesPerAccount", {
        at: async () => expect(await withTwo(2)).toEqual(["put", "put"]),
        above: async () => expect(await withTwo(3)).toEqual(["put", "put", "tooManyDevices"]),
      });

      test("refuses one device too many and changes nothing", async () => {
        const places = await fill(sessions);
        expect(await put("ann", location({ device: "one more" }))).toEqual({ result: "tooManyDevices" });
        expect(await locate("ann")).toEqual(places.toSorted(byChannel));
      });

      test("does not keep a device that is signed in from signing in anew", async () => {
        const [first] = await fill(sessions);
        expect(await put("ann", location({ device: "d0" }))).toEqual({ result: "put", replaced: first });
      });

      test("is each account's own, and a device that left makes room", async () => {
        const [first] = await fill(sessions);
        expect((await put("bob", location())).result).toBe("put");
        await sessions.remove("app", "ann", first?.channelId ?? "");
        expect((await put("ann", location({ device: "one more" }))).result).toBe("put");
      });
    });

    describe("remove", () => {
      test("ends the session of that channel only", async () => {
        const phone = location({ device: "phone" });
        const laptop = location({ device: "laptop" });
        await put("ann", phone);
        await put("ann", laptop);
        expect(await sessions.remove("app", "ann", phone.channelId)).toBe(true);
        expect(await locate("ann")).toEqual([laptop]);
      });

      test("a late sign-out of a replaced channel leaves the new session alone", async () => {
        const old = location({ device: "phone" });
        const fresh = location({ device: "phone" });
        await put("ann", old);
        await put("ann", fresh);
        expect(await sessions.remove("app", "ann", old.channelId)).toBe(false);
        expect(await locate("ann")).toEqual([fresh]);
      });

      test("answers false for an unknown account, app or channel, and the second time", async () => {
        const place = location();
        await put("ann", place);
        expect(await sessions.remove("app", "bob", place.channelId)).toBe(false);
        expect(await sessions.remove("other", "ann", place.channelId)).toBe(false);
        expect(await sessions.remove("app", "ann", "nowhere")).toBe(false);
        expect(await sessions.remove("app", "ann", place.channelId)).toBe(true);
        expect(await sessions.remove("app", "ann", place.channelId)).toBe(false);
      });
    });

    describe("apps and names", () => {
      test("one name in two apps is two people", async () => {
        const here = location();
        const there = location();
        await put("ann", here, "one");
        await put("ann", there, "two");
        expect(await locate("ann", "one")).toEqual([here]);
        expect(await locate("ann", "two")).toEqual([there]);
        expect(await sessions.remove("one", "ann", there.channelId)).toBe(false);
        await sessions.remove("one", "ann", here.channelId);
        expect(await locate("ann", "two")).toEqual([there]);
      });

      test("names made of separators meet nobody else", async () => {
        const parts = [
          "a",
          "b",
          "a:b",
          ":",
          "::",
          "|",
          "a|b",
          ",",
          "a,b",
          "/",
          "a/b",
          "_",
          "a_b",
          "*",
          "%",
          "__proto__",
        ];
        const pairs = parts.flatMap((app) =>
          parts.map((account) => ({ app, account, place: location({ device: app + account }) })),
        );
        for (const { app, account, place } of pairs) {
          expect(await put(account, place, app)).toEqual({ result: "put", replaced: undefined });
        }
        for (const { app, account, place } of pairs) expect(await locate(account, app)).toEqual([place]);
        for (const [at, { app, account, place }] of pairs.entries()) {
          expect(await sessions.remove(app, account, place.channelId)).toBe(true);
          const next = pairs[at + 1];
          if (next !== undefined) expect(await locate(next.account, next.app)).toEqual([next.place]);
        }
      });

      test("devices made of separators are devices of their own", async () => {
        const devices = ["", ":", "a:", ":a", "a,b", "a|b", "a/b", "a_b", "constructor"];
        for (const device of devices) expect((await put("ann", location({ device }))).result).toBe("put");
        expect((await locate("ann")).map(({ device }) => device).toSorted()).toEqual(devices.toSorted());
      });
    });

    describe("gateways", () => {
      test("a gateway that goes takes its sessions, and no others", async () => {
        const other = location({ device: "laptop", gateway: "gw2" });
        await put("ann", location({ device: "phone", gateway: "gw1" }));
        await put("ann", other);
        await put("bob", location({ gateway: "gw1" }));
        await put("bob", location({ gateway: "gw1" }), "other app");
        await sessions.removeGateway("gw1");
        expect(await locate("ann")).toEqual([other]);
        expect(await locate("bob")).toEqual([]);
        expect(await locate("bob", "other app")).toEqual([]);
      });

      test("a gateway's restart revives nothing of its earlier incarnations", async () => {
        const fresh = location({ device: "laptop", incarnation: "i2" });
        const elsewhere = location({ device: "tablet", gateway: "gw2", incarnation: "i1" });
        await put("ann", location({ device: "phone", incarnation: "i1" }));
        await put("ann", fresh);
        await put("ann", elsewhere);
        await sessions.removeGateway("gw1", "i2");
        expect(await locate("ann")).toEqual([fresh, elsewhere].toSorted(byChannel));
      });

      test("a gateway whose name begins another's is distinguished from it", async () => {
        const place = location({ gateway: "gw10" });
        await put("ann", place);
        await sessions.removeGateway("gw1");
        await sessions.removeGateway("gw");
        expect(await locate("ann")).toEqual([place]);
      });

      test("an account whose session went with its gateway signs in anew", async () => {
        await put("ann", location());
        await sessions.removeGateway("gw1");
        const place = location({ gateway: "gw2" });
        expect(await put("ann", place)).toEqual({ result: "put", replaced: undefined });
        expect(await locate("ann")).toEqual([place]);
      });
    });

    presenceTests(name, () => ({ sessions, reader }));
  });
}
