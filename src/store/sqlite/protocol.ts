// What the main thread and the workers say to each other. A worker answers its requests one by one, in order.
//
// Requests travel as JSON text: for 100 talks handing over costs the main thread about 30 µs, by structured clone 70 to
// 90. Answers that are numbers travel as a transferred BigInt64Array, which costs next to nothing.

import type { GroupDetail, GroupDraft, MembershipChange } from "../store.ts";
import type { Synchronous } from "./connection.ts";

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

/** Numbers of one index entry in `Answer.numbers`: messageId, direction, sendTime. Its texts: otherAccount, group. */
export const indexSlots = 3;

export type Request =
  | {
      readonly kind: "open";
      readonly role: "writer" | "reader" | "checkpointer";
      readonly path: string;
      readonly synchronous: Synchronous;
      readonly holder: string;
    }
  | { readonly kind: "close" }
  | { readonly kind: "batch"; readonly jobs: readonly Job[] }
  | { readonly kind: "renew" }
  | { readonly kind: "purge"; readonly keepMs: number }
  | { readonly kind: "checkpoint" }
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
  | { readonly kind: "membership"; readonly app: string; readonly group: string };

/** A message that was found: its position in the request's ids. */
export type FoundContent = readonly [position: number, type: number, body: string, extra: string];

export type DetailAnswer =
  | { readonly result: "found"; readonly detail: GroupDetail }
  | { readonly result: "forbidden" | "notFound" };

export type Answer =
  | { readonly kind: "done" }
  | {
      readonly kind: "numbers";
      readonly numbers: BigInt64Array<ArrayBuffer>;
      readonly texts: string;
    }
  | { readonly kind: "contents"; readonly found: string }
  | { readonly kind: "detail"; readonly answer: DetailAnswer }
  | { readonly kind: "membership"; readonly version: bigint; readonly accounts: string }
  | { readonly kind: "none" }
  /** purge: is there more? checkpoint: does the log need the writer's help to start over? */
  | { readonly kind: "more"; readonly more: boolean }
  /** The machine or the file failed; a sentence. */
  | { readonly kind: "failed"; readonly sentence: string }
  /** An invariant is broken; the stack. */
  | { readonly kind: "bug"; readonly stack: string };
