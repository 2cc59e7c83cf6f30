// A smoke run of the fuzzer; the long run is `scripts/fuzz requests`.

import { expect, test } from "bun:test";
import { Status } from "../../src/wire/gen/pkt_pb.ts";
import { fuzzRequests } from "../fuzz/requests-fuzz.ts";
import { testSeed } from "../support/random.ts";

test("three hundred rounds of random requests are answered, and reach most commands", async () => {
  const counts = await fuzzRequests(testSeed("requests-fuzz"), (round) => round < 300);
  expect(counts.rounds).toBe(300);
  expect(counts.done.size).toBeGreaterThan(30);
  for (const status of [Status.Success, Status.InvalidPacketBody, Status.Forbidden, Status.NotFound])
    expect(counts.statuses.get(status)).toBeGreaterThan(20);
}, 60_000);
