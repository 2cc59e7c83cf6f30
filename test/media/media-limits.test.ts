// The limits of files that messages name.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { Refusal } from "../../src/service/refusal.ts";
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
