// Acknowledgements of the synchroniser: one is not asked for again while its answer is awaited, and a close waits for
// it.

import { create } from "@bufbuild/protobuf";
import { expect, test } from "bun:test";
import { deferred } from "../../src/sdk/deferred.ts";
import { platform } from "../../src/sdk/environment.ts";
import { Synchroniser } from "../../src/sdk/synchroniser.ts";
import { MessageContentSchema, MessageIndexSchema } from "../../src/wire/gen/pkt_pb.ts";
import { until } from "../../scripts/harness/until.ts";
import { ManualTimers } from "../support/manual-timers.ts";

const received = [1n, 2n];

test("an acknowledgement whose answer is awaited is not asked for again, and what settles waits for it", async () => {
  const timers = new ManualTimers();
  const asked: bigint[] = [];
  const answer = deferred<void>();
  const taken = new Map<bigint, (isDone: boolean) => void>();
  let readings = 0;
  const synchroniser = new Synchroniser(
    {
      async index(after) {
        readings++;
        const found = received.filter((id) => id > after);
        const indexes = found.map((messageId) => create(MessageIndexSchema, { messageId }));
        return { indexes, lastId: 0n, reset: false };
      },
      contents: async (ids) => ids.map((messageId) => create(MessageContentSchema, { messageId })),
      acknowledge(id) {
        asked.push(id);
        return answer.promise;
      },
    },
    {
      changed() {},
      positioned() {},
      deliver: ({ id }) => new Promise<boolean>((resolve) => void taken.set(id, resolve)),
      synced() {},
      syncFailed() {},
    },
    { ...platform, after: timers.after },
    true,
  );
  synchroniser.signedIn("alice");
  await until(() => readings === 2, "the reading");
  // The second one is never done with.
  taken.get(1n)?.(true);
  await Bun.sleep(1);
  timers.advance(2_000);
  await until(() => asked.length === 1, "the acknowledgement");
  synchroniser.read();
  let isSettled = false;
  const settled = synchroniser.settle().then(() => (isSettled = true));
  await until(() => readings === 3, "another reading");
  await Bun.sleep(5);
  expect([asked, isSettled]).toEqual([[1n], false]);
  answer.resolve();
  taken.get(2n)?.(true);
  await settled;
  expect(asked).toEqual([1n, 2n]);
});
