// What the store asks its threads about webhooks, and the answers: a value for each question, by its name. Ids are
// decimal text in questions, which travel as JSON.

import type {
  Batch,
  DeadLetter,
  Endpoint,
  EndpointSettings,
  HookChange,
  HookFile,
  HookLease,
  HookLook,
  HookPage,
  HookQuery,
  HookReads,
  HookRecord,
  Receiver,
} from "../../hooks.ts";

interface Questions {
  readonly file: object;
  readonly look: object;
  readonly endpoints: object;
  readonly waiting: { readonly endpoint: string };
  readonly dead: { readonly app: string; readonly name: string; readonly limit: number };
  readonly page: Omit<HookQuery, "after"> & { readonly after: string };
  readonly records: { readonly ids: readonly string[] };
  readonly receivers: { readonly messageIds: readonly string[]; readonly membersMax: number };
}

export interface HookAnswers {
  readonly file: HookFile;
  readonly look: HookLook;
  readonly endpoints: readonly Endpoint[];
  readonly waiting: readonly Batch[];
  readonly dead: readonly DeadLetter[];
  readonly page: HookPage;
  readonly records: readonly HookRecord[];
  readonly receivers: readonly Receiver[];
}

export type HookAsked = keyof HookAnswers;
/** What a reader answers from a snapshot of the log. */
export type HookLogAsked = Exclude<HookAsked, "file">;
export type HookQuestionOf<Name extends HookAsked> = Questions[Name] & { readonly ask: Name };
export type HookReadRequest = { readonly [Name in HookAsked]: HookQuestionOf<Name> }[HookAsked];
export type HookLogRequest = Exclude<HookReadRequest, { readonly ask: "file" }>;

/** The questions of HookReads. */
export const logQuestions: {
  readonly [Name in keyof HookReads]: (...words: Parameters<HookReads[Name]>) => HookQuestionOf<Name>;
} = {
  waiting: (endpoint) => ({ ask: "waiting", endpoint: `${endpoint}` }),
  page: (query) => ({ ask: "page", ...query, after: `${query.after}` }),
  records: (ids) => ({ ask: "records", ids: ids.map(String) }),
  receivers: (messageIds, membersMax) => ({ ask: "receivers", messageIds: messageIds.map(String), membersMax }),
};

/** A change as it travels: its ids as text. */
export type SentChange =
  | {
      readonly change: "move";
      readonly endpoint: string;
      readonly lane: Batch["lane"];
      readonly position: string;
    }
  | {
      readonly change: "put";
      readonly batch: Omit<Batch, "endpoint" | "upTo"> & { readonly endpoint: string; readonly upTo: string };
    }
  | { readonly change: "drop"; readonly endpoint: string; readonly webhookId: string }
  | { readonly change: "lose"; readonly endpoint: string; readonly events: number };

export type HookWriteRequest =
  | { readonly write: "set"; readonly settings: EndpointSettings }
  | { readonly write: "remove"; readonly app: string; readonly name: string }
  | {
      readonly write: "lease";
      readonly holder: string;
      readonly seen: { readonly holder: string; readonly beat: string };
    }
  | { readonly write: "replay"; readonly app: string; readonly name: string; readonly webhookId: string | undefined };

/** Changes that are made if the lease is still this holder's. */
export interface HookSave {
  readonly holder: string;
  readonly changes: readonly SentChange[];
}

export type HookWritten =
  | { readonly result: "created" | "changed" | "full" | "done" | "nothing" }
  | { readonly result: "lease"; readonly lease: HookLease }
  | { readonly result: "replayed"; readonly batches: number };

export function sentChange(change: HookChange): SentChange {
  switch (change.change) {
    case "move":
      return { ...change, endpoint: `${change.endpoint}`, position: `${change.position}` };
    case "put": {
      const { endpoint, upTo } = change.batch;
      return { change: "put", batch: { ...change.batch, endpoint: `${endpoint}`, upTo: `${upTo}` } };
    }
    case "drop":
    case "lose":
      return { ...change, endpoint: `${change.endpoint}` };
  }
}
