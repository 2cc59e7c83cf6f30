// Answers that are made while they are read: the same JSON, and no more of it at a time than a piece.

import { expect, test } from "bun:test";
import { pieceByPiece } from "../../../src/registry/http/answers.ts";
import { Code } from "../../../src/registry/registrar.ts";

const item = "x".repeat(1_024);
const pieceBytesMax = 66 * 1_024;

/** A list of so many texts, and how many of them were made. */
class Listing {
  made = 0;
  private readonly count: number;

  constructor(count: number) {
    this.count = count;
  }

  *json(): Generator<string, undefined> {
    yield "[";
    while (this.made < this.count) yield `${this.made++ === 0 ? "" : ","}"${item}"`;
    yield "]";
  }
}

test("is the envelope, whatever its length, and says that it is stale", async () => {
  for (const count of [0, 1, 62, 63, 64, 65, 1_000]) {
    for (const isStale of [true, false]) {
      const response = pieceByPiece(Code.Ok, new Listing(count).json(), isStale);
      expect(response.headers.get("content-type")).toContain("application/json");
      const data = Array.from({ length: count }, () => item);
      expect(await response.json()).toEqual({
        code: 0,
        message: "0",
        ttl: 1,
        data,
        ...(isStale ? { stale: true } : {}),
      });
    }
  }
});

test("is made while it is read, piece by piece, and not at all for whoever goes away", async () => {
  const listing = new Listing(10_000);
  const reader = pieceByPiece(Code.Ok, listing.json(), false).body?.getReader();
  for (let pieces = 1; pieces <= 10; pieces++) {
    const piece = await reader?.read();
    expect(piece?.value?.length).toBeLessThan(pieceBytesMax);
    // One piece may be waiting to be read.
    expect(listing.made).toBeLessThan((pieces + 1) * 64 + 2);
  }
  const { made } = listing;
  await reader?.cancel();
  await Bun.sleep(1);
  expect(listing.made).toBe(made);
});
