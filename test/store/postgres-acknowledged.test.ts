// Whether a primary lacks what a node has acknowledged, where several of its commits are confirmed at a time.

import { expect, test } from "bun:test";
import type { SQL } from "bun";
import { silentLog } from "../../src/base/log.ts";
import { Acknowledged } from "../../src/store/postgres/primary/acknowledged.ts";
import { Primary } from "../../src/store/postgres/primary/primary.ts";

const primary = new Primary({ url: "postgres://h1,h2/roost", isAsync: false, log: silentLog });
const state = { names: "ANY 1 (h1, h2)", number: 7, epoch: "e" };

/** A connection on which looks find these rows, one after the other. */
function connectionWith(rows: readonly object[]): SQL {
  const left = [...rows];
  const look = async (): Promise<object[]> => left.splice(0, 1);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- looks use nothing else of a connection
  return look as unknown as SQL;
}

test("a commit that standbys have later than a newer one is no loss", async () => {
  const acknowledged = new Acknowledged("holder", primary);
  const isFirst = acknowledged.confirm(
    connectionWith([
      { ...state, lsn: "0/1", held: 0n, last_id: 1n },
      { ...state, lsn: "0/1", held: 1n, last_id: 2n },
    ]),
  );
  await acknowledged.confirm(connectionWith([{ ...state, lsn: "0/2", held: 1n, last_id: 2n }]));
  await isFirst;
  const present = (last: bigint): SQL => connectionWith([{ epoch: "e", last_id: last }]);
  await acknowledged.refuseLoss(present(2n));
  await expect(acknowledged.refuseLoss(present(1n))).rejects.toThrow(/lacks messages that were acknowledged/);
});

test("a later commit that shows less is a loss", async () => {
  const acknowledged = new Acknowledged("holder", primary);
  const held = { ...state, lsn: "0/1", held: 1n };
  await acknowledged.confirm(connectionWith([{ ...held, last_id: 2n }]));
  await expect(acknowledged.confirm(connectionWith([{ ...held, last_id: 1n }]))).rejects.toThrow(
    /lacks messages that were acknowledged/,
  );
});
