// What a store does with data as a whole, for back ends: exports, imports of other systems' messages, and the deletion
// of everything of an account.
//
// An export gives records in an order in which an import can take them: profiles, what accounts have set, files that no
// message names, groups, the log in the order of ids, and what rests on it: the accounts' views of their conversations
// and pinned messages, which name messages, and invitations and requests to join, whose accounts are members or not. In
// the log, a record of a member stands where it joined or left among the messages. An export that is gone on with from
// its last record gives what the log has got since, and again all that comes before and behind it, but for the groups
// that it has given.
//
// The store changes meanwhile. Whatever a record names still comes before it: groups that are created behind their part
// come in the log, before their first record; what rests on messages and groups that were made behind the end of the
// log is left out, and comes when the export is gone on with. So does what is in the log behind the beginning of a
// group that is being created: its members show only when all of them are there, and then as if they had joined before.

import type { DataRecord } from "./data-records.ts";

/** What is exported: an account, one conversation of it (`peer`), a group, or, without any of them, the app. */
export interface ExportScope {
  readonly app: string;
  readonly account?: string;
  readonly peer?: string;
  readonly group?: string;
}

export interface ExportQuery extends ExportScope {
  /** The cursor of the last record that arrived, or of a page; '' for the beginning. */
  readonly cursor: string;
  /** Records of the page, at most; the page may have fewer, and none at all before the end. */
  readonly limit: number;
}

export type ExportPage =
  | {
      readonly result: "page";
      readonly records: readonly DataRecord[];
      /** Where to go on; also behind what belongs to others. */
      readonly cursor: string;
      /** Nothing comes after this page, as of now. */
      readonly isEnd: boolean;
    }
  /** No such account, group or conversation; a cursor that no export gave. */
  | { readonly result: "notFound" }
  | { readonly result: "badCursor" };

export interface ImportPage {
  readonly app: string;
  /** The import that the page belongs to. */
  readonly name: string;
  /** Of the answer to the page before; '' for the first page. */
  readonly cursor: string;
  /** At most 1,000; names and texts are within their bounds. None: asks where to go on. */
  readonly records: readonly DataRecord[];
  /** Nothing comes after this page: the app may go live, and takes no other import. */
  readonly isLast: boolean;
}

export type ImportOutcome =
  | {
      readonly result: "stored";
      readonly cursor: string;
      /** Records of the import so far. */
      readonly stored: number;
      /** The page before was sent again: nothing was done. */
      readonly isRepeated: boolean;
    }
  /** The import is at another place, which `cursor` names: nothing was done. */
  | { readonly result: "elsewhere"; readonly cursor: string }
  /** Somebody has used the app without an import, or its import is complete. */
  | { readonly result: "live"; readonly isComplete: boolean }
  /** The record at this position of the page cannot be stored: nothing of the page was. */
  | { readonly result: "invalid"; readonly position: number; readonly reason: string };

/** The cursor of an import that has so many records. */
export function importCursor(stored: number): string {
  return stored === 0 ? "" : `${stored}`;
}

/** Work that goes on after the call that began it, and across restarts. */
export interface Operation {
  readonly id: bigint;
  readonly app: string;
  readonly kind: "delete-data";
  /** The name that the account had; '' when it is done, because nothing keeps a deleted name. */
  readonly account: string;
  readonly state: "running" | "done";
  /** Rows that were dealt with so far. */
  readonly done: number;
  /** Seconds since 1970; 0 while it runs. */
  readonly startedAt: number;
  readonly endedAt: number;
}

/** How long an app's messages are kept, beside the retention of the store. */
export interface AppRetention {
  /** Whole days; 0: without end. */
  readonly days: number;
  /** Nothing up to this id is read any more. */
  readonly watermarkId: bigint;
}

/**
 * The retention of single apps. All reads and changes pass over what is behind an app's watermark, which moves about
 * once a minute with trusted time and never back; texts behind it are erased in the background.
 */
export interface AppRetentionStore {
  /**
   * Of any app, also one that nobody has used. 0 days: the watermark moves no more. `former`: a program of a former
   * schema uses the store, which would read what is behind a watermark.
   */
  set(app: string, days: number): Promise<AppRetention | "former">;
  of(app: string): Promise<AppRetention>;
}

export interface DataStore {
  /** A page of one snapshot; its cost is bounded, whatever belongs to others. Several pages are several snapshots. */
  export(query: ExportQuery): Promise<ExportPage>;
  /**
   * Stores a page of records in one transaction, with new ids in their order. Only an app that nobody has used takes
   * imports, one at a time.
   */
  import(page: ImportPage): Promise<ImportOutcome>;
  /**
   * Begins to delete everything of an account. In the first transaction the account loses its name, which no query
   * finds from then on; another account may take it. Undefined if there is no such account. `importing`: its app is
   * being imported, and a later page could bring it back; nothing was done. No import begins in the app any more.
   *
   * What it sent, and the direct messages that it received, become recalled messages without a text, because ids,
   * counts and cursors of others rest on them; its partners' conversations with it are cleared. Its memberships,
   * reactions, settings, profile, blocks and cursors are deleted. Its number stays, and names nobody.
   */
  deleteData(app: string, account: string): Promise<Operation | "importing" | undefined>;
  readonly retentions: AppRetentionStore;
  /** The operation of an app, a week after its end at least. */
  operation(app: string, id: bigint): Promise<Operation | undefined>;
}
