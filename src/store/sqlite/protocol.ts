// What the main thread and the workers say to each other. A worker answers its requests one by one, in order.
//
// Requests travel as JSON text: for 100 talks handing over costs the main thread about 30 µs, by structured clone 70 to
// 90. Answers that are numbers travel as a transferred BigInt64Array, which costs next to nothing.

import type { ClaimOutcome, StoreClaim } from "../../auth/store-ownership.ts";
import type { Revocation, RevocationKind } from "../../wire/revocations.ts";
import type { Job } from "../jobs.ts";
import type { GroupDetail } from "../store.ts";
import type { Synchronous } from "./connection.ts";
import type { GroupBounds } from "./group-writer.ts";
import type { Fault } from "./refusal.ts";

/** Numbers of one index entry in `Answer.numbers`: messageId, direction, sendTime. Its texts: otherAccount, group. */
export const indexSlots = 3;

export type Request =
  | {
      readonly kind: "open";
      readonly role: "writer" | "reader" | "compactor";
      readonly path: string;
      readonly synchronous: Synchronous;
      readonly holder: string;
      /** Messages that a flush makes a run of. */
      readonly flushMessages: number;
      /** The writer: how many groups and members there may be. */
      readonly bounds: GroupBounds;
      /** The writer: who opens the store. */
      readonly claim: StoreClaim;
      /** The reader: without a lock and without writing anything; nobody may write meanwhile. */
      readonly quiet?: boolean;
    }
  | { readonly kind: "close" }
  /** Close the files, and give nothing back: they will be opened again. */
  | { readonly kind: "leave" }
  | { readonly kind: "batch"; readonly jobs: readonly Job[] }
  /** `proof`: show first that there is room for a batch. */
  | { readonly kind: "renew"; readonly proof: boolean }
  /** To the writer: make these fingerprints the owner's. */
  | { readonly kind: "own"; readonly fingerprints: readonly string[] }
  /** To the writer and the reader: the process is known by these fingerprints. */
  | { readonly kind: "claim"; readonly fingerprints: readonly string[] }
  /** To the writer: keep a kick or a revocation, unless there are so many others. */
  | { readonly kind: "revoke"; readonly revocation: Revocation; readonly keptMax: number }
  /** To the writer: are the files at their paths still those that are open? */
  | { readonly kind: "guard" }
  /** To the writer: look at the clocks; keepMs is the retention, 0 for ever. */
  | { readonly kind: "look"; readonly keepMs: number }
  /** To the writer: delete a slice of what the last look has given free. */
  | { readonly kind: "purge" }
  /** To the compactor: count messages. */
  | { readonly kind: "count"; readonly above: string; readonly upTo: string; readonly rowsMax: number }
  | { readonly kind: "checkpoint" }
  /** To the compactor: the most urgent piece of work on the index. */
  | { readonly kind: "compact" }
  /** To the compactor: the same, while a start waits for it. */
  | { readonly kind: "catchUp" }
  /** To the compactor: the index is damaged; begin a new one. */
  | { readonly kind: "rebuild" }
  /** To the others: the index was replaced; `isReplaced`: because the log was. */
  | { readonly kind: "reopenIndex"; readonly isReplaced: boolean }
  /** To the reader: take in what was committed. */
  | { readonly kind: "follow" }
  | {
      readonly kind: "index";
      readonly app: string;
      readonly account: string;
      readonly device: string;
      readonly after: string;
      readonly includeSent: boolean;
      readonly limit: number;
    }
  | {
      readonly kind: "contents";
      readonly app: string;
      readonly account: string;
      readonly messageIds: readonly string[];
    }
  | {
      readonly kind: "detail";
      readonly app: string;
      readonly group: string;
      readonly asker: string;
    }
  | { readonly kind: "membership"; readonly app: string; readonly group: string }
  | { readonly kind: "revocations"; readonly after: string; readonly limit: number };

/** What answers requests: a thread, or what stands before one. */
export interface RequestTarget {
  call(request: Request): Promise<Answer>;
}

/** A kick or a revocation. */
export type FoundRevocation = readonly [
  id: string,
  app: string,
  account: string,
  kind: RevocationKind,
  device: string | null,
  beforeMs: number,
];

export type DetailAnswer =
  | { readonly result: "found"; readonly detail: GroupDetail }
  | { readonly result: "forbidden" | "notFound" };

/**
 * How often the writer has forgotten what it remembered of the store: because the store is another one, and because another
 * process took its node number over, which may hide that.
 */
export interface Forgotten {
  readonly replaced: number;
  readonly lost: number;
  /** Of the store as of the writer's last claim; undefined: it makes none. */
  readonly identity: string | undefined;
}

export type Answer =
  | { readonly kind: "done" }
  /** open, of the writer: which store it is. */
  | { readonly kind: "opened"; readonly identity: string; readonly outcome: ClaimOutcome }
  /** `forgotten`: of the writer. */
  | {
      readonly kind: "numbers";
      readonly numbers: BigInt64Array<ArrayBuffer>;
      readonly texts: string;
      readonly forgotten?: Forgotten;
    }
  | { readonly kind: "contents"; readonly encoded: Uint8Array<ArrayBuffer> }
  | { readonly kind: "detail"; readonly answer: DetailAnswer }
  | { readonly kind: "membership"; readonly version: bigint; readonly accounts: string }
  | { readonly kind: "none" }
  /** revoke: its id; undefined where there is no room. */
  | { readonly kind: "revoked"; readonly id: bigint | undefined }
  /** revocations: JSON of FoundRevocation[]. */
  | { readonly kind: "revocations"; readonly found: string }
  /** renew: how far the last id is ahead of the clock. */
  | { readonly kind: "renewed"; readonly aheadMs: number; readonly forgotten: Forgotten }
  /** look (see WriterLook). */
  | {
      readonly kind: "looked";
      readonly aheadMs: number;
      readonly waitMs: number;
      readonly goneUpTo: string;
      readonly wallMs: number;
    }
  /** count: how many, and the last of them. */
  | { readonly kind: "counted"; readonly messages: number; readonly last: string }
  /** compact: is there more, and does the log grow faster than it is flushed? */
  | { readonly kind: "compacted"; readonly more: boolean; readonly isLate: boolean }
  /**
   * purge: is there more? checkpoint: does the log need the writer's help to start over? catchUp: is there
   * still too much in no run?
   */
  | { readonly kind: "more"; readonly more: boolean }
  /** The machine or the file failed; a sentence. */
  | { readonly kind: "failed"; readonly sentence: string; readonly fault: Fault }
  /** An invariant is broken; the stack. */
  | { readonly kind: "bug"; readonly stack: string };
