// A store that commits talks at once and keeps nothing, for tests and benches of what stands before a store.

import type { Store, TalkOutcome } from "../../src/store/store.ts";

const unused = (): Promise<never> => Promise.reject(new Error("this store only takes talks"));

/** Every talk has this outcome. */
export function talkStore(outcome: TalkOutcome): Store {
  return {
    append: (talks) => Promise.resolve(talks.map(() => outcome)),
    acknowledge: unused,
    index: unused,
    contents: unused,
    entries: unused,
    change: unused,
    set: unused,
    hide: unused,
    accountState: unused,
    markRead: unused,
    readers: unused,
    history: unused,
    messages: unused,
    conversations: unused,
    createGroup: unused,
    join: unused,
    quit: unused,
    groupDetail: unused,
    membership: unused,
    revoke: unused,
    revocations: unused,
    identity: undefined,
    setOwners: unused,
    claimAs: () => undefined,
    watchReplacement: () => () => undefined,
    isHealthy: true,
    trouble: "",
    clock: { idsAheadMs: 0, purgeWaitMs: 0 },
    size: undefined,
    close: () => Promise.resolve(),
  };
}
