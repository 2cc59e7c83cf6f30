// The messages between the main thread and the store threads. A thread answers its requests in order.
//
// Requests are JSON text: passing 100 messages costs the main thread about 30 µs, with structured clone 70 to 90.
// Numeric answers are a transferred BigInt64Array, which costs next to nothing.

import type { ClaimOutcome, StoreClaim } from "../../auth/store-ownership.ts";
import type { ChangeJob, ReadMarkJob } from "../change-jobs.ts";
import type {
  AccountState,
  ConversationName,
  ConversationsQuery,
  HistoryQuery,
  ReadersAnswer,
  ReadersQuery,
  ReadOutcome,
} from "../conversations.ts";
import type { Job } from "../jobs.ts";
import type { GroupDetail, LogPage, LogQuery, Membership } from "../store.ts";
import type { LastSeen } from "../people.ts";
import type { StoreSize } from "../store-size.ts";
import type { BackEndAnswer, BackEndRead, BackEndWrite } from "./back-end/calls.ts";
import type { Synchronous } from "./connection.ts";
import type { BatchResult } from "./conversations/change-batch.ts";
import type { RepairedReads } from "./conversations/read-repair.ts";
import type { GroupBounds } from "./groups/membership.ts";
import type { HookReadRequest, HookSave } from "./hooks/requests.ts";
import type { BuildProgress } from "./index/index-keeper.ts";
import type { PeopleAnswer, PeopleQuestion, PinnedQuestion } from "./people/questions.ts";
import type { Fault } from "./refusal.ts";

/** The numbers of an entry in `Answer.numbers`: messageId, direction, sendTime. Its texts: otherAccount, group. */
export const indexSlots = 3;

export type Request =
  | {
      readonly kind: "open";
      readonly role: "writer" | "reader" | "compactor" | "reads";
      readonly path: string;
      readonly synchronous: Synchronous;
      readonly holder: string;
      readonly flushMessages: number;
      readonly bounds: GroupBounds;
      readonly claim: StoreClaim;
      /** For the reader: neither lock nor write anything; nobody may write meanwhile. */
      readonly unlocked?: boolean;
      /** For the reader: refuse lookups in the index, which is being built, until `reopenIndex`. */
      readonly isIndexIncomplete?: boolean;
    }
  | { readonly kind: "close" }
  /** Close the files and keep the lease: they will be opened again. */
  | { readonly kind: "leave" }
  /** To the writer: commit these jobs, and what changes for webhooks, together. */
  | { readonly kind: "batch"; readonly jobs: readonly Job[]; readonly saves?: readonly HookSave[] }
  /** To the writer: commit these changes together. */
  | { readonly kind: "changes"; readonly jobs: readonly ChangeJob[] }
  /** To the thread of read cursors: move them. */
  | { readonly kind: "reads"; readonly jobs: readonly ReadMarkJob[] }
  /** To the same: accounts were online until then. */
  | { readonly kind: "seen"; readonly marks: readonly LastSeen[] }
  /** To the same: delete the cursors of an account, by its number, and when it was seen. */
  | { readonly kind: "forgetReads"; readonly account: string }
  /** `proof`: first show that there is room for a batch. */
  | { readonly kind: "renew"; readonly proof: boolean }
  /** To the writer: record these fingerprints as the owner's. */
  | { readonly kind: "own"; readonly fingerprints: readonly string[] }
  /** To the writer and the reader: use these fingerprints for claims. */
  | { readonly kind: "claim"; readonly fingerprints: readonly string[] }
  | { readonly kind: "backEndWrite"; readonly call: BackEndWrite }
  /** To the writer: check that the open files are still at their paths. */
  | { readonly kind: "guard" }
  /** To the writer: look at the clocks; keepMs is the retention, 0 for none. */
  | { readonly kind: "look"; readonly keepMs: number }
  /** To the writer: delete a slice of what the last look permitted. */
  | { readonly kind: "purge" }
  /** To the compactor: a question about webhooks. */
  | { readonly kind: "hookRead"; readonly question: HookReadRequest }
  | { readonly kind: "count"; readonly above: string; readonly upTo: string; readonly rowsMax: number }
  /** To the compactor: measure the store. */
  | { readonly kind: "size" }
  | { readonly kind: "checkpoint" }
  /** To the compactor: run the most urgent step of compaction. */
  | { readonly kind: "compact" }
  /** To the compactor: the same, while a start waits for it. */
  | { readonly kind: "catchUp" }
  /** To the compactor: the index is damaged; create a new one. */
  | { readonly kind: "rebuild" }
  /** To the compactor: remove the indexes of earlier schemas that no process has open. */
  | { readonly kind: "removeEarlier" }
  /** To the others: the index was replaced; `isReplaced`: because the log was. */
  | { readonly kind: "reopenIndex"; readonly isReplaced: boolean }
  /** To the reader: take in new commits. */
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
  | (Omit<LogQuery, "after"> & { readonly kind: "entries"; readonly after: string })
  | {
      readonly kind: "contents";
      readonly app: string;
      readonly account: string;
      readonly messageIds: readonly string[];
    }
  | {
      readonly kind: "messages";
      readonly app: string;
      readonly account: string;
      readonly messageIds: readonly string[];
    }
  | (Omit<HistoryQuery, "from" | "thread"> & {
      readonly kind: "history";
      readonly from: { readonly at: "before" | "after" | "around"; readonly id: string } | { readonly at: "newest" };
      readonly thread: string;
    })
  | (Omit<ConversationsQuery, "before"> & { readonly kind: "conversations"; readonly before: string })
  | (ConversationName & { readonly kind: "activity"; readonly app: string; readonly account: string })
  | {
      readonly kind: "accountState";
      readonly app: string;
      readonly account: string;
      readonly since: string;
      readonly limit: number;
    }
  | (Omit<ReadersQuery, "messageId"> & { readonly kind: "readers"; readonly messageId: string })
  | { readonly kind: "people"; readonly question: PeopleQuestion }
  | (PinnedQuestion & { readonly kind: "pinned" })
  | {
      readonly kind: "detail";
      readonly app: string;
      readonly group: string;
      readonly asker: string;
    }
  | { readonly kind: "membership"; readonly app: string; readonly group: string; readonly since: string | undefined }
  | { readonly kind: "backEndRead"; readonly call: BackEndRead };

/** Answers requests: a thread, or a layer before it. */
export interface RequestTarget {
  call(request: Request): Promise<Answer>;
}

export type DetailAnswer =
  | { readonly result: "found"; readonly detail: GroupDetail }
  | { readonly result: "forbidden" | "notFound" };

/**
 * How often the writer has dropped its caches: because the store was replaced, and because another process took its
 * node number, which may hide a replacement.
 */
export interface Forgotten {
  readonly replaced: number;
  readonly lost: number;
  /** The store's identity as of the writer's last claim; undefined if it does not claim. */
  readonly identity: string | undefined;
}

export type Answer =
  | { readonly kind: "done" }
  | { readonly kind: "size"; readonly size: StoreSize | undefined }
  /** To `open` of the writer. */
  | { readonly kind: "opened"; readonly identity: string; readonly outcome: ClaimOutcome }
  /** `forgotten` and `needsPairs` (people/pairs.ts): from the writer only. */
  | {
      readonly kind: "numbers";
      readonly numbers: BigInt64Array<ArrayBuffer>;
      readonly texts: string;
      readonly needsPairs?: boolean;
      readonly forgotten?: Forgotten;
      /** From the writer, to `saves`: whether each was made. */
      readonly areSaved?: readonly boolean[];
    }
  | { readonly kind: "changed"; readonly results: readonly BatchResult[] }
  /** Also to `open` of the thread of read cursors. */
  | { readonly kind: "read"; readonly outcomes: readonly ReadOutcome[]; readonly repaired: RepairedReads | undefined }
  | { readonly kind: "entries"; readonly page: LogPage }
  | { readonly kind: "accountState"; readonly state: AccountState }
  | { readonly kind: "readers"; readonly answer: ReadersAnswer }
  /** To `activity`: undefined if the account never had the conversation. */
  | { readonly kind: "activity"; readonly activityId: bigint | undefined }
  | { readonly kind: "contents"; readonly encoded: Uint8Array<ArrayBuffer> }
  | { readonly kind: "people"; readonly answer: PeopleAnswer }
  | { readonly kind: "detail"; readonly answer: DetailAnswer }
  | {
      readonly kind: "membership";
      /** `accounts` as JSON. */
      readonly membership: Omit<Membership, "accounts"> & { readonly accounts: string };
    }
  | { readonly kind: "none" }
  | { readonly kind: "backEnd"; readonly answer: BackEndAnswer }
  /** To `renew`: how far the last id is ahead of the clock. */
  | { readonly kind: "renewed"; readonly aheadMs: number; readonly forgotten: Forgotten }
  /** To `look` (see WriterLook). */
  | {
      readonly kind: "looked";
      readonly aheadMs: number;
      readonly waitMs: number;
      readonly goneUpTo: string;
      readonly wallMs: number;
    }
  /** To `count`: how many, and the last of them. */
  | { readonly kind: "counted"; readonly messages: number; readonly last: string }
  /** To `compact`: whether there is more to do, and whether the log grows faster than it is flushed. */
  | { readonly kind: "compacted"; readonly more: boolean; readonly isLate: boolean }
  | ({ readonly kind: "caughtUp" } & BuildProgress)
  /** To `purge` and `checkpoint`: more rows, a long log. */
  | { readonly kind: "more"; readonly more: boolean }
  /** `HookAnswers`, serialized: whoever wants a page may be another thread. */
  | { readonly kind: "hookRead"; readonly serialized: SharedArrayBuffer }
  | { readonly kind: "failed"; readonly sentence: string; readonly fault: Fault }
  | { readonly kind: "bug"; readonly stack: string };
