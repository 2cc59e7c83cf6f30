// The store of a suite, and what its tests ask of it.

import { afterAll, beforeAll, beforeEach } from "bun:test";
import type { LimitValues } from "../../src/base/limits/table.ts";
import type { IndexEntry, Store, Talk } from "../../src/store/store.ts";
import { contentsOf } from "../support/contents.ts";
import { ofTest, stored, talk, type Stored } from "./samples.ts";

/** One empty store that can be opened several times, as several processes would. */
export interface StorePlace {
  /** `limits`: in place of the initial ones. */
  open(limits?: Partial<LimitValues>): Promise<Store>;
  /** Deletes the messages up to an id, as the retention does; for the tests of conversations. */
  deleteUpTo?(id: bigint): Promise<void>;
  /** Moves the watermark of an app, as the passing of time does; for the tests of retentions. */
  moveWatermark?(app: string, id: bigint): Promise<void>;
  /** Does the housekeeping of groups that have ended; absent where a store has none. */
  tidyGroups?(): Promise<void>;
  /** What a check finds wrong. */
  check?(): Promise<readonly string[]>;
  /** Removes it after all openings were closed. */
  remove(): Promise<void>;
}

/** Set before the tests, so not to be read while they are defined. */
export class OpenedStore {
  place!: StorePlace;
  /** A test that opens the store again puts it here. */
  store!: Store;

  readonly say = async (change: Partial<Talk> = {}): Promise<Stored> =>
    stored((await this.store.append([talk(change)]))[0]);
  readonly say2 = async (change: Partial<Talk> = {}): Promise<string> => {
    const [outcome] = await this.store.append([talk(change)]);
    return outcome?.result ?? "nothing";
  };
  readonly indexOf = (
    account: string,
    change: {
      after?: bigint;
      includeSent?: boolean;
      limit?: number;
      device?: string;
      app?: string;
    } = {},
  ): Promise<readonly IndexEntry[]> =>
    this.store.index({
      app: ofTest.app,
      account,
      device: "",
      after: 0n,
      includeSent: false,
      limit: 2000,
      ...change,
    });
  readonly idsOf = async (account: string, change = {}): Promise<bigint[]> =>
    (await this.indexOf(account, change)).map((entry) => entry.messageId);
  readonly change = (account: string, actor = account, group = "g1") => ({
    app: ofTest.app,
    group,
    actor,
    account,
  });
  readonly readable = async (account: string, ids: readonly bigint[], app = ofTest.app): Promise<bigint[]> =>
    (await contentsOf(this.store, app, account, ids)).map((content) => content.messageId);
}

/** Opens an empty store for all tests of a `describe` block, each of which has an app of its own in it. */
export function openForAll(makePlace: () => Promise<StorePlace>): OpenedStore {
  const opened = new OpenedStore();
  let tests = 0;
  beforeAll(async () => {
    opened.place = await makePlace();
    opened.store = await opened.place.open();
  });
  beforeEach(() => {
    ofTest.app = `app${++tests}`;
  });
  afterAll(async () => {
    ofTest.app = "app";
    await opened.store.close();
    await opened.place.remove();
  });
  return opened;
}
