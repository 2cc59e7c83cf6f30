// A store that commits talks at once and keeps nothing, for tests and benches of what stands before a store.

import type { Store, TalkOutcome } from "../../src/store/store.ts";
import { noHooks } from "./no-hooks.ts";

const unused = (): Promise<never> => Promise.reject(new Error("this store only takes talks"));

/** What becomes of a plain talk. */
export const plainlyStored = {
  result: "stored",
  messageId: 1n,
  sendTime: 1n,
  previousId: 0n,
  previousEntryId: 0n,
  groupVersion: 0n,
  repeated: false,
  writtenHere: true,
  madeAccount: false,
} as const satisfies TalkOutcome;

/** Every talk has this outcome. */
export function talkStore(outcome: TalkOutcome): Store {
  return {
    append: (talks) => Promise.resolve(talks.map(() => outcome)),
    prepare: () => undefined,
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
    ban: unused,
    backEnd: {
      keys: { create: unused, revoke: unused, after: unused },
      data: {
        export: unused,
        import: unused,
        deleteData: unused,
        operation: unused,
        retentions: { set: unused, of: unused },
      },
      hooks: noHooks,
    },
    identity: undefined,
    setOwners: unused,
    claimAs: () => undefined,
    watchReplacement: () => () => undefined,
    isHealthy: true,
    trouble: "",
    clock: { idsAheadMs: 0, purgeWaitMs: 0 },
    size: undefined,
    close: () => Promise.resolve(),
    groups: {
      change: unused,
      add: unused,
      remove: unused,
      joinInvited: unused,
      invite: unused,
      revokeInvitation: unused,
      invitations: unused,
      request: unused,
      withdraw: unused,
      requests: unused,
      answer: unused,
      pin: unused,
      pinned: unused,
      groups: unused,
      members: unused,
      beginningWith: unused,
    },
    media: {
      promise: unused,
      useOf: unused,
      own: unused,
      complete: unused,
      ofMessage: unused,
      gone: unused,
      forget: unused,
    },
    people: {
      block: unused,
      blocked: unused,
      setConsent: unused,
      consent: unused,
      setProfile: unused,
      profiles: unused,
      mayTalk: unused,
      watchable: unused,
      guardVersion: unused,
      blocksAfter: unused,
      markSeen: unused,
      lastSeen: unused,
    },
  };
}
