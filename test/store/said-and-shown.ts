import type { Store, Talk } from "../../src/store/store.ts";
import { stored, talk, type Stored } from "./samples.ts";

/** Stores one message. */
export const say = async (store: Pick<Store, "append">, change: Partial<Talk> = {}): Promise<Stored> =>
  stored((await store.append([talk(change)]))[0]);

/** The ids in an account's index after `after`, 2,000 at most. */
export async function shownTo(store: Pick<Store, "index">, account: string, after = 0n): Promise<bigint[]> {
  const query = { app: "app", account, device: "", after, includeSent: false, limit: 2_000 };
  return (await store.index(query)).map(({ messageId }) => messageId);
}
