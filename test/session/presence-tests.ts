// What listeners are told of presence, for every engine, and a thousand random changes against a plain list.

import { describe, expect, test } from "bun:test";
import type { Location, PutOutcome, Sessions } from "../../src/session/sessions.ts";
import { Random, testSeed } from "../support/random.ts";
import { byChannel, devicesPerAccountMax, location } from "./locations.ts";

/** Two openings of the same sessions: one is written to, the other one read. */
export interface Opened {
  readonly sessions: Sessions;
  readonly reader: Sessions;
}

/** Declares the tests; `opened` returns those of the present test. */
export function presenceTests(name: string, opened: () => Opened): void {
  /** Listeners hear of all that was answered before, before this resolves. */
  const settled = async (): Promise<void> => void (await opened().reader.locate("app", []));
  const put = (account: string, place: Location): Promise<PutOutcome> => opened().sessions.put("app", account, place);
  /** What listeners were told from now on, as `online app account`. */
  const watch = (): { readonly told: string[]; end(): void } => {
    const told: string[] = [];
    const end = opened().reader.watchPresence({
      online: (app, account) => told.push(`online ${app} ${account}`),
      offline: (app, account) => told.push(`offline ${app} ${account}`),
    });
    return { told, end };
  };

  describe("presence", () => {
    test("reports the first device that appears and the last that goes, and no others", async () => {
      const { sessions } = opened();
      const { told } = watch();
      const phone = location({ device: "phone" });
      const laptop = location({ device: "laptop" });
      await put("ann", phone);
      await put("ann", laptop);
      await sessions.remove("app", "ann", phone.channelId);
      await settled();
      expect(told).toEqual(["online app ann"]);
      await sessions.remove("app", "ann", laptop.channelId);
      await settled();
      expect(told).toEqual(["online app ann", "offline app ann"]);
    });

    test("does not tell of a session that was replaced, refused or not there", async () => {
      const { sessions } = opened();
      const { told } = watch();
      const old = location({ device: "d0" });
      await put("ann", old);
      await put("ann", location({ device: "d0" }));
      await sessions.remove("app", "ann", old.channelId);
      for (let at = 1; at <= devicesPerAccountMax; at++) await put("ann", location({ device: `d${at}` }));
      await sessions.removeGateway("no such gateway");
      await settled();
      expect(told).toEqual(["online app ann"]);
    });

    test("tells of everybody whom a gateway takes away", async () => {
      const { sessions } = opened();
      await put("ann", location({ gateway: "gw1" }));
      await put("bob", location({ gateway: "gw1" }));
      await put("cy", location({ gateway: "gw1", device: "phone" }));
      await put("cy", location({ gateway: "gw2", device: "laptop" }));
      await settled();
      const { told } = watch();
      await sessions.removeGateway("gw1");
      await settled();
      expect(told.toSorted()).toEqual(["offline app ann", "offline app bob"]);
    });

    test("tells who asks for it of devices that come, go and are replaced while others are online", async () => {
      const { sessions, reader } = opened();
      const told: string[] = [];
      const note =
        (kind: string) =>
        (_: string, account: string): void =>
          void told.push(`${kind} ${account}`);
      reader.watchPresence({ online: note("online"), offline: note("offline"), moved: note("moved") });
      const phone = location({ device: "phone", gateway: "gw1" });
      const laptop = location({ device: "laptop", gateway: "gw2" });
      const settledAs = async (...wanted: string[]): Promise<void> => {
        await settled();
        expect(told.splice(0)).toEqual(wanted);
      };
      await put("ann", phone);
      await settledAs("online ann");
      await put("ann", laptop);
      await settledAs("moved ann");
      await put("ann", { ...phone, channelId: "another" });
      await settledAs("moved ann");
      await sessions.removeGateway("gw2");
      await settledAs("moved ann");
      await sessions.remove("app", "ann", phone.channelId);
      await settledAs();
      await sessions.remove("app", "ann", "another");
      await settledAs("offline ann");
    });

    test("is reported after the change to which it belongs", async () => {
      const { sessions, reader } = opened();
      const seen: Promise<number>[] = [];
      const look = async (app: string, account: string): Promise<number> =>
        (await reader.locate(app, [account]))[0]?.length ?? 0;
      reader.watchPresence({
        online: (app, account) => void seen.push(look(app, account)),
        offline: (app, account) => void seen.push(look(app, account)),
      });
      const place = location();
      await put("ann", place);
      await settled();
      await sessions.remove("app", "ann", place.channelId);
      await settled();
      expect(await Promise.all(seen)).toEqual([1, 0]);
    });

    test("every listener is called until it stops watching", async () => {
      const first = watch();
      const second = watch();
      await put("ann", location());
      await settled();
      first.end();
      await put("bob", location());
      await settled();
      expect(first.told).toEqual(["online app ann"]);
      expect(second.told).toEqual(["online app ann", "online app bob"]);
    });
  });

  test("agrees with a plain list over a thousand random changes", async () => {
    const { sessions, reader } = opened();
    const random = new Random(testSeed(`${name}: random changes`));
    interface Row {
      readonly app: string;
      readonly account: string;
      readonly place: Location;
    }
    let rows: Row[] = [];
    const online = new Set<string>();
    reader.watchPresence({
      online: (app, account) => void online.add(`${app} ${account}`),
      offline: (app, account) => void online.delete(`${app} ${account}`),
    });
    for (let change = 0; change < 1000; change++) {
      const app = random.pick(["x", "y"]);
      const account = random.pick(["ann", "bob", "cy"]);
      const gateway = random.pick(["gw1", "gw2"]);
      const incarnation = random.pick(["i1", "i2"]);
      const mine = (row: Row): boolean => row.app === app && row.account === account;
      switch (random.below(8)) {
        case 0: {
          const keep = random.once(2) ? incarnation : undefined;
          await sessions.removeGateway(gateway, keep);
          rows = rows.filter(({ place }) => place.gateway !== gateway || place.incarnation === keep);
          break;
        }
        case 1:
        case 2:
        case 3: {
          const victim = rows[random.below(rows.length + 1)];
          const channelId = victim?.place.channelId ?? "nowhere";
          const gone = rows.find((row) => mine(row) && row.place.channelId === channelId);
          expect(await sessions.remove(app, account, channelId)).toBe(gone !== undefined);
          rows = rows.filter((row) => row !== gone);
          break;
        }
        default: {
          const place = location({ device: `d${random.below(20)}`, gateway, incarnation });
          const replaced = rows.find((row) => mine(row) && row.place.device === place.device);
          if (replaced === undefined && rows.filter(mine).length >= devicesPerAccountMax) {
            expect(await sessions.put(app, account, place)).toEqual({ result: "tooManyDevices" });
          } else {
            expect(await sessions.put(app, account, place)).toEqual({ result: "put", replaced: replaced?.place });
            rows = [...rows.filter((row) => row !== replaced), { app, account, place }];
          }
        }
      }
      const expected = rows.filter(mine).map(({ place }) => place);
      const [found = []] = await reader.locate(app, [account]);
      expect(found.toSorted(byChannel)).toEqual(expected.toSorted(byChannel));
      expect(online).toEqual(new Set(rows.map((row) => `${row.app} ${row.account}`)));
    }
  });
}
