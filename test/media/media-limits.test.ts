// The limits of files that messages name.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { Refusal } from "../../src/service/refusal.ts";
import { MediaQuota } from "../../src/roles/chat/media/media-quota.ts";
import { StoreUnavailable } from "../../src/store/store.ts";
import { AccountRates } from "../../src/roles/chat/account-rates.ts";
import { Status } from "../../src/wire/gen/pkt_pb.ts";
import { bound } from "../support/bounds.ts";
import { testLimits } from "../support/limits.ts";
import type { Messenger } from "../support/messenger.ts";
import { MediaPerson, startWithMedia } from "./media-stage.ts";

let messenger: Messenger;
let ann: MediaPerson;
beforeAll(async () => {
  messenger = await startWithMedia({ limits: testLimits({ mediaBytes: 1_000 }) });
  ann = await MediaPerson.signIn(messenger, "ann");
});
afterAll(() => messenger.stop());

bound("mediaBytes", {
  at: async () => {
    expect((await ann.upload(new Uint8Array(1_000))).length).toBe(22);
  },
  above: async () => {
    expect(await ann.tickets({ upload: { name: "n", type: "a/b", size: 1_001n } })).toEqual([
      Status.PayloadTooLarge,
      "a file has at most 1000 bytes",
    ]);
  },
});

/** How many of so many files of 5 bytes an account may have. */
async function reserved(bytesMax: number, stored: number, tries: number): Promise<number> {
  const quota = new MediaQuota({ bytesOf: () => Promise.resolve(stored) }, { monotonicMs: () => 0 });
  const rooms = await Promise.all(Array.from({ length: tries }, () => quota.reserve("app", "ann", 5, bytesMax)));
  return rooms.filter((room) => room !== undefined).length;
}

bound("mediaAccountBytes", {
  at: async () => expect(await reserved(20, 10, 2)).toBe(2),
  above: async () => expect(await reserved(19, 10, 2)).toBe(1),
});

test("what an account has is asked once a minute, and what it was promised meanwhile counts", async () => {
  const time = { ms: 0 };
  let [stored, asked] = [0, 0];
  const bytesOf = (): Promise<number> => {
    asked++;
    return stored < 0 ? Promise.reject(new StoreUnavailable("it is away")) : Promise.resolve(stored);
  };
  const quota = new MediaQuota({ bytesOf }, { monotonicMs: () => time.ms });
  const mayHave = async (bytes: number): Promise<boolean> =>
    (await quota.reserve("app", "ann", bytes, 10)) !== undefined;
  expect([await mayHave(6), await mayHave(5), await mayHave(4), asked]).toEqual([true, false, true, 1]);
  time.ms += 60_000;
  expect([await mayHave(10), asked]).toEqual([true, 2]);
  time.ms += 60_000;
  const giveBack = await quota.reserve("app", "ann", 10, 10);
  expect(await mayHave(1)).toBe(false);
  giveBack?.();
  expect(await mayHave(1)).toBe(true);
  // What the store could not say is asked again.
  time.ms += 60_000;
  stored = -1;
  await expect(mayHave(1)).rejects.toBeInstanceOf(StoreUnavailable);
  stored = 10;
  expect(await mayHave(1)).toBe(false);
});

test("an account whose files are large enough is refused another one, and told why", async () => {
  const limits = testLimits({ mediaAccountBytes: 30, mediaUnnamedBytes: 20 });
  const small = await startWithMedia({ limits });
  try {
    const eve = await MediaPerson.signIn(small, "eve");
    const wish = (size: bigint) => eve.tickets({ upload: { name: "n", type: "a/b", size } });
    const ids = [await eve.upload(new Uint8Array(15))];
    expect(await wish(6n)).toEqual([
      Status.Forbidden,
      "the files that no message names would have more than 20 bytes: send them, or wait until they are removed, a " +
        "day after their tickets",
    ]);
    await eve.send("bob", ids);
    await eve.forUpload(new Uint8Array(15));
    expect(await wish(1n)).toEqual([
      Status.Forbidden,
      "your files would have more than 30 bytes: recall messages that name some",
    ]);
    expect([limits.reached.get("mediaAccountBytes"), limits.reached.get("mediaUnnamedBytes")]).toEqual([1, 1]);
  } finally {
    await small.stop();
  }
});

/** How many of so many questions pass at once, and how many of three more after each second. */
function passing(given: Parameters<typeof testLimits>[0], tries: number, seconds: number): number[] {
  const time = { ms: 0 };
  const rates = new AccountRates(testLimits(given), { monotonicMs: () => time.ms });
  const count = (questions: number): number =>
    Array.from({ length: questions }, () => {
      try {
        rates.askMedia({ app: "app", payer: "ann" }, 1);
        return 1;
      } catch (error) {
        if (!(error instanceof Refusal) || error.status !== Status.RateLimited) throw error;
        return 0;
      }
    }).reduce<number>((sum, each) => sum + each, 0);
  const passed = [count(tries)];
  for (let second = 0; second < seconds; second++) {
    time.ms += 1_000;
    passed.push(count(3));
  }
  return passed;
}

bound("mediaTicketsAtOnce", {
  at: () => expect(passing({ mediaTicketsAtOnce: 7, mediaTicketsPerSecond: 1 }, 7, 0)).toEqual([7]),
  above: () => expect(passing({ mediaTicketsAtOnce: 7, mediaTicketsPerSecond: 1 }, 8, 0)).toEqual([7]),
});

bound("mediaTicketsPerSecond", {
  at: () => expect(passing({ mediaTicketsAtOnce: 7, mediaTicketsPerSecond: 3 }, 7, 2)).toEqual([7, 3, 3]),
  above: () => expect(passing({ mediaTicketsAtOnce: 7, mediaTicketsPerSecond: 2 }, 7, 2)).toEqual([7, 2, 2]),
});

test("a back end's questions count against no account", () => {
  const rates = new AccountRates(testLimits({ mediaTicketsAtOnce: 1 }), { monotonicMs: () => 0 });
  for (let round = 0; round < 5; round++) rates.askMedia({ app: "app", payer: "" }, 10);
});
