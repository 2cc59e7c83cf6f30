// The jobs of a store's writer and their results, for any engine: jobs are committed in batches, and each is answered
// with a few numbers.

import type { GroupDraft, MembershipChange, MembershipOutcome, Talk, TalkOutcome } from "./store.ts";

/** A write. The jobs of a batch commit together, in order. Ids are decimal text. */
export type Job =
  | ({ readonly kind: "talk" } & Required<Omit<Talk, "mentions" | "replyTo" | "media" | "hasConversation">> &
      TalkExtras &
      KnownPairs)
  | {
      readonly kind: "ack";
      readonly app: string;
      readonly account: string;
      readonly device: string;
      readonly messageId: string;
    }
  /** The draft with its first members, all of them if `isWhole`; otherwise the group is hidden until the last slice. */
  | ({ readonly kind: "create"; readonly draft: GroupDraft; readonly isWhole: boolean } & KnownPairs)
  | ({ readonly kind: "enter"; readonly slice: MemberSlice } & KnownPairs)
  | ({ readonly kind: "join" | "quit"; readonly change: MembershipChange } & KnownPairs);

/**
 * Whether the actor has a direct conversation with these accounts, for a writer that cannot look it up. It ends only
 * when the retention has deleted it.
 */
export interface KnownPairs {
  readonly pairs?: Readonly<Record<string, boolean>>;
}

/** What only some messages have. */
interface TalkExtras {
  /** Joined by commas, which no name has; "*" is everybody. */
  readonly mentions?: string;
  readonly replyTo?: string;
  /** Ids of files. */
  readonly media?: readonly string[];
}

export type JobOf<Kind extends Job["kind"]> = Extract<Job, { readonly kind: Kind }>;

export interface MemberSlice {
  readonly app: string;
  readonly group: string;
  /** Who creates the group. */
  readonly owner: string;
  readonly members: readonly string[];
  /** The last slice completes the group and makes it visible. */
  readonly isLast: boolean;
}

/**
 * The number of members in one transaction when a group is created: messages of others commit in between. It is also
 * the number of bits in which a result says who was left out.
 */
export const sliceMembersMax = 192;

/** The numbers of a job's result: an outcome and its values. */
export const outcomeSlots = 6;
export const outcome = {
  /** messageId, sendTime, previousId, groupVersion, previousEntryId */
  stored: 0n,
  /** As `stored`; written by this writer, or (repeatedElsewhere) by another or an earlier run of this program. */
  repeated: 1n,
  repeatedElsewhere: 11n,
  /** As `stored`; the receiver's account was created. */
  storedForNew: 12n,
  /** The receiver's account does not exist, and `toKnown` forbids creating it. */
  unknown: 13n,
  forbidden: 2n,
  notFound: 3n,
  conflict: 4n,
  done: 5n,
  future: 6n,
  /**
   * version (0 while the group is hidden), three words of bits: the members of the slice that were left out; the time
   * of the entry (0 without one)
   */
  created: 7n,
  /** As `created`; others have put one of those that were left out into the maximum number of groups. */
  createdWithoutFull: 23n,
  /** an index of `fullLimits` */
  full: 8n,
  /** versionBefore, version; of the entry, if there is one: its time, previousEntryId, isQuiet */
  changed: 9n,
  unchanged: 10n,
  mentionOfStranger: 14n,
  mentionOfAll: 15n,
  replyElsewhere: 16n,
  muted: 17n,
  forAdmins: 18n,
  unwilling: 19n,
  closed: 20n,
  approval: 21n,
  /** The writer has to know whether a pair has talked (KnownPairs): nothing was done. No caller sees it. */
  needsPairs: 22n,
  mediaUnusable: 24n,
} as const;

const fullLimits = ["groupsPerAccount", "groupsPutPerAccount", "groupMembers"] as const;
export const fullOf = {
  own: 0n,
  put: 1n,
  members: 2n,
} as const;

/** Returns a number of the result of a call's job. */
export type Slots = (job: number, slot: number) => bigint;

type SliceOutcome =
  | {
      readonly result: "created";
      readonly version: bigint;
      readonly leftOut: readonly string[];
      /** Others have put one of them into the maximum number of groups. */
      readonly isAnyFull: boolean;
      readonly time: bigint;
    }
  /** The owner has too many groups. Nothing is created. */
  | { readonly result: "full" }
  | { readonly result: "notFound" };

export function talkJob(talk: Talk): JobOf<"talk"> {
  const { app, sender, toGroup, dest, type, body, extra, clientId, toKnown = false, mentions, replyTo, media } = talk;
  const job: JobOf<"talk"> = { kind: "talk", app, sender, toGroup, dest, type, body, extra, clientId, toKnown };
  const hasMentions = mentions !== undefined && mentions.length > 0;
  const isReply = replyTo !== undefined && replyTo !== 0n;
  const hasMedia = media !== undefined && media.length > 0;
  if (!hasMentions && !isReply && !hasMedia) return job;
  return {
    ...job,
    ...(hasMentions && { mentions: mentions.join(",") }),
    ...(isReply && { replyTo: `${replyTo}` }),
    ...(hasMedia && { media: media.map(({ id }) => id) }),
  };
}

export function talkOutcome(slots: Slots, job: number): TalkOutcome {
  const code = slots(job, 0);
  switch (code) {
    case outcome.stored:
    case outcome.storedForNew:
    case outcome.repeated:
    case outcome.repeatedElsewhere:
      return {
        result: "stored",
        messageId: slots(job, 1),
        sendTime: slots(job, 2),
        previousId: slots(job, 3),
        groupVersion: slots(job, 4),
        previousEntryId: slots(job, 5),
        repeated: code === outcome.repeated || code === outcome.repeatedElsewhere,
        writtenHere: code !== outcome.repeatedElsewhere,
        madeAccount: code === outcome.storedForNew,
      };
    case outcome.forbidden:
      return { result: "forbidden" };
    case outcome.notFound:
      return { result: "notFound" };
    case outcome.conflict:
      return { result: "conflict" };
    case outcome.unknown:
      return { result: "unknown" };
    case outcome.mentionOfStranger:
      return { result: "mentionOfStranger" };
    case outcome.mentionOfAll:
      return { result: "mentionOfAll" };
    case outcome.replyElsewhere:
      return { result: "replyElsewhere" };
    case outcome.muted:
      return { result: "muted" };
    case outcome.forAdmins:
      return { result: "forAdmins" };
    case outcome.unwilling:
      return { result: "unwilling" };
    case outcome.mediaUnusable:
      return { result: "mediaUnusable" };
    default:
      throw new Error(`a talk has no outcome ${code}`);
  }
}

/** The bits of members that were left out: bit i % 64 of word i / 64 stands for the slice's member i. */
export class LeftOut {
  readonly words: [bigint, bigint, bigint] = [0n, 0n, 0n];
  private isAnyFull = false;

  /** `isFull`: others have put the member into the maximum number of groups. */
  add(position: number, isFull: boolean): void {
    if (isFull) this.isAnyFull = true;
    const word = position >> 6;
    this.words[word] = (this.words[word] ?? 0n) | (1n << BigInt(position & 63));
  }

  get outcome(): bigint {
    return this.isAnyFull ? outcome.createdWithoutFull : outcome.created;
  }
}

export function sliceOutcome(members: readonly string[], slots: Slots): SliceOutcome {
  const code = slots(0, 0);
  switch (code) {
    case outcome.full:
      return { result: "full" };
    case outcome.notFound:
      return { result: "notFound" };
    case outcome.created:
    case outcome.createdWithoutFull: {
      const isLeftOut = (position: number): boolean =>
        ((slots(0, 2 + (position >> 6)) >> BigInt(position & 63)) & 1n) === 1n;
      return {
        result: "created",
        version: slots(0, 1),
        leftOut: members.filter((_, position) => isLeftOut(position)),
        isAnyFull: code === outcome.createdWithoutFull,
        time: slots(0, 5),
      };
    }
    default:
      throw new Error(`a new group has no outcome ${code}`);
  }
}

export function membershipOutcome(slots: Slots): MembershipOutcome {
  const code = slots(0, 0);
  switch (code) {
    case outcome.changed: {
      const entry = { time: slots(0, 3), previousEntryId: slots(0, 4), isQuiet: slots(0, 5) === 1n };
      return { result: "changed", versionBefore: slots(0, 1), version: slots(0, 2), entry };
    }
    case outcome.unchanged:
      return { result: "unchanged" };
    case outcome.forbidden:
      return { result: "forbidden" };
    case outcome.notFound:
      return { result: "notFound" };
    case outcome.closed:
      return { result: "closed" };
    case outcome.approval:
      return { result: "approval" };
    case outcome.unwilling:
      return { result: "unwilling" };
    case outcome.full: {
      const limit = fullLimits[Number(slots(0, 1))];
      if (limit === undefined) throw new Error(`no limit of groups has the number ${slots(0, 1)}`);
      return { result: "full", limit };
    }
    default:
      throw new Error(`a change of membership has no outcome ${code}`);
  }
}
