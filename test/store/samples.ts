// A talk and a group for tests of stores.

import type { GroupDraft, Talk, TalkOutcome } from "../../src/store/store.ts";

/** The app of the test that runs: tests that share a store have each its own. */
export const ofTest = {
  app: "app",
  /** An app that is not the test's. */
  get otherApp(): string {
    return `other than ${ofTest.app}`;
  },
};

export type Stored = Extract<TalkOutcome, { result: "stored" }>;

export function talk(change: Partial<Talk> = {}): Talk {
  const plain = {
    app: ofTest.app,
    sender: "ann",
    toGroup: false,
    dest: "bob",
    type: 1,
    body: "hello",
    extra: "",
    clientId: "",
  };
  return { ...plain, ...change };
}

export function stored(outcome: TalkOutcome | undefined): Stored {
  if (outcome?.result !== "stored") throw new Error(`expected stored, got ${outcome?.result}`);
  return outcome;
}

export function draft(change: Partial<GroupDraft> = {}): GroupDraft {
  const plain = {
    app: ofTest.app,
    id: "g1",
    name: "n",
    avatar: "v",
    introduction: "i",
    owner: "ann",
    members: [],
    closed: false,
  };
  return { ...plain, ...change };
}
