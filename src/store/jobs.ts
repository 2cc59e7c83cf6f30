// What a store's writer is asked and how it answers, whatever the engine: jobs go to it in batches, and each job is
// answered with a few numbers. The engines share this and the batcher; how they write is their own.

import type { GroupDraft, MembershipChange, MembershipOutcome, Talk, TalkOutcome } from "./store.ts";

/** Something to be written; jobs of one batch commit together, in order. Ids are decimal text. */
export type Job =
  | readonly [
      kind: "talk",
      app: string,
      sender: string,
      toGroup: boolean,
      dest: string,
      type: number,
      body: string,
      extra: string,
      clientId: string,
    ]
  | readonly [kind: "ack", app: string, account: string, device: string, messageId: string]
  | readonly [kind: "create", draft: GroupDraft]
  | readonly [kind: "join", change: MembershipChange]
  | readonly [kind: "quit", change: MembershipChange];

/** An answered job takes this many numbers: its outcome, then what belongs to that outcome. */
export const outcomeSlots = 5;
export const outcome = {
  /** messageId, sendTime, previousId, groupVersion */
  stored: 0n,
  /** The same; this writer stored it, or (repeatedElsewhere) another one or an earlier run of this program. */
  repeated: 1n,
  repeatedElsewhere: 11n,
  forbidden: 2n,
  notFound: 3n,
  conflict: 4n,
  done: 5n,
  future: 6n,
  /** version */
  created: 7n,
  /** from create: 0 for the owner, or the member's position in the draft plus one */
  full: 8n,
  /** versionBefore, version */
  changed: 9n,
  unchanged: 10n,
} as const;

/** Reads the slots of the call's job i. */
export type Slots = (job: number, slot: number) => bigint;

type CreateOutcome =
  | { readonly result: "created"; readonly version: bigint }
  | { readonly result: "full"; readonly account: string };

export function talkJob(talk: Talk): Job {
  const { app, sender, toGroup, dest, type, body, extra, clientId } = talk;
  return ["talk", app, sender, toGroup, dest, type, body, extra, clientId];
}

/** What became of job i, a talk. */
export function talkOutcome(slots: Slots, job: number): TalkOutcome {
  const code = slots(job, 0);
  switch (code) {
    case outcome.stored:
    case outcome.repeated:
    case outcome.repeatedElsewhere:
      return {
        result: "stored",
        messageId: slots(job, 1),
        sendTime: slots(job, 2),
        previousId: slots(job, 3),
        groupVersion: slots(job, 4),
        repeated: code !== outcome.stored,
        writtenHere: code !== outcome.repeatedElsewhere,
      };
    case outcome.forbidden:
      return { result: "forbidden" };
    case outcome.notFound:
      return { result: "notFound" };
    case outcome.conflict:
      return { result: "conflict" };
    default:
      throw new Error(`a talk has no outcome ${code}`);
  }
}

/** What became of a call with one job, the creation of this group. */
export function createOutcome(draft: GroupDraft, slots: Slots): CreateOutcome {
  if (slots(0, 0) === outcome.created) return { result: "created", version: slots(0, 1) };
  const position = Number(slots(0, 1));
  return { result: "full", account: draft.members[position - 1] ?? draft.owner };
}

/** What became of a call with one job, a change of membership. */
export function membershipOutcome(slots: Slots): MembershipOutcome {
  const code = slots(0, 0);
  switch (code) {
    case outcome.changed:
      return { result: "changed", versionBefore: slots(0, 1), version: slots(0, 2) };
    case outcome.unchanged:
      return { result: "unchanged" };
    case outcome.forbidden:
      return { result: "forbidden" };
    case outcome.notFound:
      return { result: "notFound" };
    case outcome.full:
      return { result: "full" };
    default:
      throw new Error(`a change of membership has no outcome ${code}`);
  }
}
