// Exports, imports and deletions, in PostgreSQL: calls that write are functions of the database, over the writer's
// connection; pages of exports are read beside it.

import type { LimitValues } from "../../../base/limits/table.ts";
import type {
  AppRetention,
  AppRetentionStore,
  DataStore,
  ExportPage,
  ExportQuery,
  ImportOutcome,
  ImportPage,
  Operation,
} from "../../data.ts";
import type { DataRecord } from "../../data-records.ts";
import { accountSlices, type ImportAccounts } from "../../import-accounts.ts";
import { purgeRowsMax } from "../../purge.ts";
import type { Connections } from "../connection.ts";
import type { InLife } from "../life.ts";
import { fromText, toText } from "../text.ts";
import type { Writer } from "../writer.ts";
import { ExportReader } from "./export-reader.ts";

interface OperationRow {
  readonly id: bigint;
  readonly app: string;
  readonly name: string;
  readonly step: string;
  readonly rows: bigint;
  readonly started_s: bigint;
  readonly ended_s: bigint;
}

/** What imports may not go beyond. */
export type ImportBounds = Pick<
  LimitValues,
  "blocksPerAccount" | "invitationsPerGroup" | "joinRequestsPerGroup" | "joinRequestsPerAccount"
>;

interface RetentionRow {
  readonly keep_days: bigint;
  readonly watermark_id: bigint;
}

export class PostgresData implements DataStore {
  private readonly writer: Pick<Writer, "write">;
  private readonly connections: Connections;
  private readonly inLife: InLife;
  private readonly bounds: ImportBounds;
  private readonly exports: ExportReader;
  readonly retentions: AppRetentionStore = {
    set: (app, days) => this.setRetention(app, days),
    of: (app) => this.retentionOf(app),
  };
  /** Called when a deletion has begun, which is a change of the store's life. */
  onDeletion: (() => Promise<void>) | undefined;

  constructor(writer: Pick<Writer, "write">, connections: Connections, inLife: InLife, bounds: ImportBounds) {
    this.bounds = bounds;
    this.writer = writer;
    this.connections = connections;
    this.inLife = inLife;
    this.exports = new ExportReader(connections);
  }

  export(query: ExportQuery): Promise<ExportPage> {
    return this.inLife((life) => this.exports.page(life, query));
  }

  async import(page: ImportPage): Promise<ImportOutcome> {
    for (const slice of accountSlices(page, { areMentionedMade: true })) while (await this.makeAccounts(slice));
    const { app, name, cursor, records, isLast } = page;
    const bounded = records.map((record) => this.withBounds(record));
    // oxlint-disable-next-line typescript/no-unsafe-return -- any other value stays as it is
    const encoded = JSON.stringify(bounded, (_, value) => (typeof value === "string" ? toText(value) : value));
    for (;;) {
      const [row] = await this.writer.write<{ outcome: string }[]>(
        (sql, holder, life) => sql`SELECT roost.import_page(${holder}, ${life}, ${toText(app)}, ${toText(name)},
          ${toText(cursor)}, ${encoded}::text::json, ${isLast})::text AS outcome`,
      );
      const outcome: ImportOutcome | { readonly result: "checking" } = JSON.parse(row?.outcome ?? "null");
      if (outcome.result === "invalid") return { ...outcome, reason: fromText(outcome.reason) };
      if (outcome.result !== "checking") return outcome;
    }
  }

  async deleteData(app: string, account: string): Promise<Operation | "importing" | undefined> {
    let state: string | null;
    do state = await this.closeImports(app, account);
    while (state === "checking");
    if (state === "importing") return state;
    const [row] = await this.writer.write<OperationRow[]>(
      (sql, holder, life) =>
        sql`SELECT * FROM roost.delete_data(${holder}, ${life}, ${toText(app)}, ${toText(account)})`,
    );
    if (row === undefined) return undefined;
    await this.onDeletion?.();
    return operationOf(row);
  }

  async operation(app: string, id: bigint): Promise<Operation | undefined> {
    const [row] = await this.inLife((life) =>
      this.connections.run<OperationRow[]>(
        (sql) => sql`SELECT * FROM roost.operation o
          WHERE roost.require_life(${life}) AND o.id = ${`${id}`}::bigint AND o.app = ${toText(app)}`,
      ),
    );
    return row && operationOf(row);
  }

  /** Erases a slice of what is behind the watermarks of apps; false if there is nothing. */
  async eraseSlice(): Promise<boolean> {
    const [row] = await this.writer.write<{ is_done: boolean }[]>(
      (sql, holder, life) => sql`SELECT roost.retention_slice(${holder}, ${life}, ${purgeRowsMax / 4}) AS is_done`,
    );
    return row?.is_done === true;
  }

  /** What a record may reach, beside it. */
  private withBounds(record: DataRecord): object {
    const { account, invitation, joinRequest } = record;
    const {
      blocksPerAccount: blocksMax,
      invitationsPerGroup,
      joinRequestsPerGroup,
      joinRequestsPerAccount,
    } = this.bounds;
    if (account !== undefined) return { account: { ...account, blocksMax } };
    if (invitation !== undefined) return { invitation: { ...invitation, perGroup: invitationsPerGroup } };
    if (joinRequest === undefined) return record;
    return { joinRequest: { ...joinRequest, perGroup: joinRequestsPerGroup, perAccount: joinRequestsPerAccount } };
  }

  private async closeImports(app: string, account: string): Promise<string | null> {
    const [row] = await this.writer.write<{ state: string | null }[]>(
      (sql, holder, life) =>
        sql`SELECT roost.close_imports(${holder}, ${life}, ${toText(app)}, ${toText(account)}) AS state`,
    );
    return row?.state ?? null;
  }

  /** Makes accounts before a page; true if the app has to be looked at once more. */
  private async makeAccounts({ app, name, cursor, accounts }: ImportAccounts): Promise<boolean> {
    const encoded = JSON.stringify(accounts.map(toText));
    const [row] = await this.writer.write<{ is_more: boolean }[]>(
      (sql, holder, life) => sql`SELECT roost.import_accounts(${holder}, ${life}, ${toText(app)}, ${toText(name)},
        ${toText(cursor)}, ${encoded}::text::json) AS is_more`,
    );
    return row?.is_more === true;
  }

  private async setRetention(app: string, days: number): Promise<AppRetention | "former"> {
    const [row] = await this.writer.write<RetentionRow[]>(
      (sql, holder, life) => sql`SELECT * FROM roost.set_retention(${holder}, ${life}, ${toText(app)}, ${days})`,
    );
    return row === undefined ? "former" : retentionOf(row);
  }

  private async retentionOf(app: string): Promise<AppRetention> {
    const [row] = await this.inLife((life) =>
      this.connections.run<RetentionRow[]>(
        (sql) => sql`SELECT d.keep_days, d.watermark_id FROM roost.app_data d
          WHERE roost.require_life(${life}) AND d.app = ${toText(app)}`,
      ),
    );
    return retentionOf(row);
  }

  /** Does a slice of the oldest deletion that runs; false if none does. */
  async deleteSlice(): Promise<boolean> {
    const [row] = await this.writer.write<{ is_done: boolean }[]>(
      (sql, holder, life) => sql`SELECT roost.deletion_slice(${holder}, ${life}, ${purgeRowsMax / 4}) AS is_done`,
    );
    return row?.is_done === true;
  }
}

function retentionOf(row: RetentionRow | undefined): AppRetention {
  return { days: Number(row?.keep_days ?? 0n), watermarkId: row?.watermark_id ?? 0n };
}

function operationOf(row: OperationRow): Operation {
  return {
    id: row.id,
    app: fromText(row.app),
    kind: "delete-data",
    account: fromText(row.name),
    state: row.step === "done" ? "done" : "running",
    done: Number(row.rows),
    startedAt: Number(row.started_s),
    endedAt: Number(row.ended_s),
  };
}
