// A talk and a group for tests of stores.

import type { GroupDraft, Talk, TalkOutcome } from "../../src/store/store.ts";

export type Stored = Extract<TalkOutcome, { result: "stored" }>;

export function talk(change: Partial<Talk> = {}): Talk {
  const plain = {
    app: "app",
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
    app: "app",
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
