// What the reader answers about exports and deletions, inside a snapshot in which the index covers the log.

import type { Database } from "bun:sqlite";
import type { LogIndex } from "../index/log-index.ts";
import type { LogReader } from "../log-reader.ts";
import { AppRetentions } from "./app-retentions.ts";
import type { BulkRead, BulkReadAnswers } from "./bulk-calls.ts";
import { type DeletionPlace, type DeletionSlice, deletionFoundMax } from "./deletion-steps.ts";
import { ExportReader } from "./export-reader.ts";
import type { Views } from "./export-views.ts";
import { operationOf, OperationRows } from "./operation-rows.ts";

type BulkFound = BulkReadAnswers[keyof BulkReadAnswers];

export class BulkReader {
  private readonly db: Database;
  private readonly logIndex: LogIndex;
  private readonly log: LogReader;
  private readonly views: Views;
  /** Made when they are wanted: they prepare 33 statements, which most processes never run. */
  private exports: ExportReader | undefined;
  private retentions: AppRetentions | undefined;
  private readonly operations: OperationRows;

  constructor(db: Database, logIndex: LogIndex, log: LogReader, views: Views) {
    this.db = db;
    this.logIndex = logIndex;
    this.log = log;
    this.views = views;
    this.operations = new OperationRows(db);
  }

  /** `now`: in seconds since 1970. */
  read(call: BulkRead, now: bigint): BulkFound {
    switch (call.call) {
      case "export":
        this.exports ??= new ExportReader(this.db, this.logIndex, this.log, this.views);
        return this.exports.page(call.query, now);
      case "operation": {
        const row = this.operations.find(BigInt(call.id));
        return row?.app === call.app ? operationOf(row) : undefined;
      }
      case "retention":
        this.retentions ??= new AppRetentions(this.db);
        return this.retentions.of(call.app);
      case "deletionDue":
        return this.operations.due();
      case "deletionFinds":
        return this.found(call.place);
    }
  }

  /**
   * Messages and partners of the account above the position, in the order of their ids and numbers. Nobody writes as
   * the account or to it any more, so that none comes later.
   */
  private found({ account, step, position }: DeletionPlace): Pick<DeletionSlice, "found" | "isLast"> {
    const after = BigInt(position);
    const found: bigint[] = [];
    if (step === "messages") {
      for (const id of this.log.ownIdsOf(BigInt(account), after, deletionFoundMax)) {
        found.push(id);
        if (found.length === deletionFoundMax) break;
      }
    } else if (step === "partners") {
      const partners = [...this.logIndex.partners(Number(account)).keys()].map(BigInt);
      found.push(...partners.filter((partner) => partner > after).toSorted((one, other) => (one < other ? -1 : 1)));
    }
    const slice = found.slice(0, deletionFoundMax);
    return { found: slice.map(String), isLast: found.length < deletionFoundMax };
  }
}

export function isBulkRead(call: { readonly call: string }): call is BulkRead {
  return ["export", "operation", "retention", "deletionDue", "deletionFinds"].includes(call.call);
}
