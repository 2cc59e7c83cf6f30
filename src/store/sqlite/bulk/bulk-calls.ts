// The calls for exports, imports and deletions, as back-end/calls.ts has those of the other areas.

import type { AppRetention, ExportPage, ExportQuery, ImportPage, Operation } from "../../data.ts";
import type { ImportAccounts } from "../../import-accounts.ts";
import type { DeletionPlace, DeletionSlice } from "./deletion-steps.ts";
import type { DeletionBegun } from "./deletion-writer.ts";
import type { AppRefusal } from "./import-rows.ts";
import type { ImportWritten } from "./import-writer.ts";

/** Answered by the writer, each in a transaction. */
export interface BulkWrites {
  readonly import: { readonly page: ImportPage };
  readonly importAccounts: { readonly slice: ImportAccounts };
  readonly deleteData: { readonly app: string; readonly account: string };
  readonly setRetention: { readonly app: string; readonly days: number };
  /** A slice of a deletion; see DeletionWriter.step. */
  readonly deletionSlice: { readonly slice: DeletionSlice };
}

export interface BulkWriteAnswers {
  readonly import: ImportWritten;
  readonly importAccounts: AppRefusal | undefined;
  readonly deleteData: DeletionBegun;
  readonly setRetention: AppRetention | "former";
  readonly deletionSlice: DeletionPlace | undefined;
}

/** Answered by the reader, each in a snapshot. */
export interface BulkReads {
  readonly export: { readonly query: ExportQuery };
  readonly operation: { readonly app: string; readonly id: string };
  readonly retention: { readonly app: string };
  /** Where the oldest deletion is that runs. */
  readonly deletionDue: { readonly kind: Operation["kind"] };
  /** What a slice of its steps `partners` and `messages` is about. */
  readonly deletionFinds: { readonly place: DeletionPlace };
}

export interface BulkReadAnswers {
  readonly export: ExportPage;
  readonly operation: Operation | undefined;
  readonly retention: AppRetention;
  readonly deletionDue: DeletionPlace | undefined;
  readonly deletionFinds: Pick<DeletionSlice, "found" | "isLast">;
}

type WriteCall = { readonly [Name in keyof BulkWrites]: BulkWrites[Name] & { readonly call: Name } };
type ReadCall = { readonly [Name in keyof BulkReads]: BulkReads[Name] & { readonly call: Name } };
export type BulkWrite = WriteCall[keyof BulkWrites];
export type BulkRead = ReadCall[keyof BulkReads];
