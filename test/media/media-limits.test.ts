// The limits of files that messages name.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { Refusal } from "../../src/service/refusal.ts";
import type { MediaUse } from "../../src/store/media.ts";
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

test("what an account has is asked once a minute, and again when the store could not say it", async () => {
  const time = { ms: 0 };
  let [isAway, asked] = [false, 0];
  const useOf = (): Promise<MediaUse> => {
    asked++;
    return isAway ? Promise.reject(new StoreUnavailable("it is away")) : Promise.resolve({ bytes: asked, upTo: "7" });
  };
  const quota = new MediaQuota({ useOf }, { monotonicMs: () => time.ms });
  const bytesOf = async (): Promise<number> => (await quota.useOf("app", "ann")).bytes;
  expect([await bytesOf(), await bytesOf(), asked]).toEqual([1, 1, 1]);
  time.ms += 60_000;
  expect([await bytesOf(), asked]).toEqual([2, 2]);
  time.ms += 60_000;
  isAway = true;
  await expect(bytesOf()).rejects.toBeInstanceOf(StoreUnavailable);
  isAway = false;
  expect(await bytesOf()).toBe(4);
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
