// What the thread of the lanes and the one that started it tell each other. The thread asks for all that it needs of
// the store and of the sessions; what it does not read of the log by itself comes as bytes, which are passed on to it
// unread.

import type { BlockList } from "node:net";
import type { LogFields, LogLevel } from "../../base/log.ts";
import type { Sessions } from "../../session/sessions.ts";
import type { Endpoint, HookChange, HookStore, SerializedReads } from "../../store/hooks.ts";
import type { Store } from "../../store/store.ts";
import type { HookCounts } from "../hook-counts.ts";
import type { HookPace } from "../pace.ts";

/** Where the thread's requests may lead; see HookSettings. */
export interface LaneNetwork {
  readonly allowed: BlockList | undefined;
  readonly proxy: URL | undefined;
  /** For the header `user-agent`. */
  readonly version: string;
}

/** What the thread asks for. Rejects with StoreUnavailable. */
export interface LaneCalls extends SerializedReads {
  readonly save: (changes: readonly HookChange[]) => Promise<boolean>;
  readonly conversations: Store["conversations"];
  readonly locate: Sessions["locate"];
  readonly file: HookStore["file"];
}

export type ToLaneThread =
  /** The first one, and when lanes have stopped. */
  | {
      readonly kind: "start";
      readonly endpoints: readonly Endpoint[];
      readonly pace: HookPace;
      readonly network: Omit<LaneNetwork, "proxy"> & { readonly proxy: string | undefined };
    }
  | { readonly kind: "answer"; readonly call: number; readonly value: unknown }
  /** An answer, too. `isUnavailable`: it is StoreUnavailable. */
  | { readonly kind: "failed"; readonly call: number; readonly sentence: string; readonly isUnavailable: boolean }
  | { readonly kind: "stop" };

export type FromLaneThread =
  | { readonly kind: "call"; readonly call: number; readonly name: keyof LaneCalls; readonly words: readonly unknown[] }
  | { readonly kind: "started" }
  /** To `start`, if nothing was started. */
  | { readonly kind: "unavailable"; readonly sentence: string }
  /** What is to be added to the counts. */
  | { readonly kind: "counted"; readonly counts: Pick<HookCounts, "delivered" | "failedAttempts" | "dead"> }
  | {
      readonly kind: "log";
      readonly level: LogLevel;
      readonly sentence: string;
      readonly fields: LogFields | undefined;
    }
  | { readonly kind: "bug"; readonly stack: string }
  /** To `stop`. */
  | { readonly kind: "stopped" };
