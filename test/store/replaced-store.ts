// What a client says to a store, and is shown by it, while the store is replaced under its processes: what is refused
// for a moment is asked again.

import { expect } from "bun:test";
import { StoreUnavailable, type Store, type Talk } from "../../src/store/store.ts";
import { until } from "../../scripts/harness/until.ts";
import { stored, talk } from "./samples.ts";

/** Does it again while the store refuses it. */
export async function insist<Result>(what: string, work: () => Promise<Result>): Promise<Result> {
  let done: { readonly result: Result } | undefined;
  await until(async () => {
    try {
      done = { result: await work() };
      return true;
    } catch (error) {
      if (error instanceof StoreUnavailable) return false;
      throw error;
    }
  }, what);
  if (done === undefined) throw new Error(`${what}: it never came to its end`);
  return done.result;
}

/** Says it until it is stored, as a client does. */
export const say = (store: Store, change: Partial<Talk>): Promise<bigint> =>
  insist("a talk is stored", async () => stored((await store.append([talk(change)]))[0]).messageId);

/** What the account's index shows. */
export async function idsOf(store: Store, account: string): Promise<bigint[]> {
  const query = { app: "app", account, device: "", after: 0n, includeSent: false, limit: 2_000 };
  return (await store.index(query)).map(({ messageId }) => messageId);
}

/** The same, asked again while it is refused. */
export const shownTo = (store: Store, account: string): Promise<bigint[]> =>
  insist("the index is read", () => idsOf(store, account));

/** Ten talks to carol by a store that knew her before: hers, and not mallory's. */
export async function expectHers(store: Store, other: Store): Promise<void> {
  const ids: bigint[] = [];
  for (let count = 0; count < 10; count++) ids.push(await say(store, { dest: "carol", body: `for carol ${count}` }));
  for (const each of [other, store]) {
    expect(await shownTo(each, "carol")).toEqual(ids);
    expect((await shownTo(each, "mallory")).filter((id) => ids.includes(id))).toEqual([]);
  }
}
