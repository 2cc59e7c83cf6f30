// What a store keeps for back ends, in PostgreSQL: calls that write are functions of the database
// (../revocation-functions.ts), over the writer's connection; others are read beside it.

import type { LimitValues } from "../../../base/limits/table.ts";
import type { Revocation, RevocationKind, StoredRevocation } from "../../../wire/revocations.ts";
import type { ApiKeyStore } from "../../api-keys.ts";
import type { BackEndStore } from "../../back-end.ts";
import { type ImportBounds, PostgresData } from "../bulk/postgres-data.ts";
import type { Ban, BanOutcome, RevocationStore, RevokeOutcome } from "../../revocations.ts";
import type { Connections } from "../connection.ts";
import { PostgresHooks } from "../hooks/postgres-hooks.ts";
import type { InLife } from "../life.ts";
import { fromText, toText } from "../text.ts";
import type { Writer } from "../writer.ts";
import { PostgresApiKeys } from "./postgres-api-keys.ts";

interface RevocationRow {
  readonly id: bigint;
  readonly app: string;
  readonly account: string;
  readonly kind: RevocationKind;
  readonly device: string | null;
  readonly before_ms: bigint;
  readonly until_ms: bigint | null;
}

export class PostgresBackEnd implements BackEndStore, RevocationStore {
  readonly keys: ApiKeyStore;
  readonly data: PostgresData;
  private readonly writer: Pick<Writer, "write">;
  private readonly connections: Connections;
  private readonly inLife: InLife;
  private readonly keptMax: number;
  readonly hooks: PostgresHooks;

  constructor(
    writer: Pick<Writer, "write">,
    connections: Connections,
    inLife: InLife,
    limits: Pick<LimitValues, "revocations"> & ImportBounds,
  ) {
    this.writer = writer;
    this.connections = connections;
    this.inLife = inLife;
    this.keptMax = limits.revocations;
    this.keys = new PostgresApiKeys(writer, connections, inLife);
    this.data = new PostgresData(writer, connections, inLife, limits);
    this.hooks = new PostgresHooks(writer, connections, inLife);
  }

  async revoke({ app, account, kind, device, beforeMs }: Revocation): Promise<RevokeOutcome> {
    const [row] = await this.writer.write<{ id: bigint | null }[]>(
      (sql, holder, life) => sql`SELECT roost.revoke(${holder}, ${life}, ${toText(app)}, ${toText(account)}, ${kind},
        ${device === undefined ? null : toText(device)}, ${`${beforeMs}`}::bigint, ${this.keptMax}) AS id`,
    );
    return outcomeOf(row?.id);
  }

  async ban({ app, account, beforeMs, untilMs }: Ban): Promise<BanOutcome> {
    const [row] = await this.writer.write<{ id: bigint | null }[]>(
      (sql, holder, life) => sql`SELECT roost.ban(${holder}, ${life}, ${toText(app)}, ${toText(account)},
        ${`${beforeMs}`}::bigint, ${`${untilMs}`}::bigint, ${this.keptMax}) AS id`,
    );
    return row?.id === 0n ? { result: "unchanged" } : outcomeOf(row?.id);
  }

  async revocations(after: bigint, limit: number): Promise<readonly StoredRevocation[]> {
    const rows = await this.inLife((life) =>
      this.connections.run<RevocationRow[]>(
        (sql) => sql`
          SELECT r.id, r.app, r.account, r.kind, r.device, r.before_ms, b.until_ms
          FROM roost.revocation r
          LEFT JOIN roost.ban b ON r.kind = 'revoke' AND b.app = r.app AND b.account = r.account
          WHERE roost.require_life(${life}) AND r.id > ${`${after}`}::bigint ORDER BY r.id LIMIT ${limit}`,
      ),
    );
    return rows.map(({ id, app, account, kind, device, before_ms: beforeMs, until_ms: untilMs }) => ({
      id,
      app: fromText(app),
      account: fromText(account),
      kind,
      device: device === null ? undefined : fromText(device),
      beforeMs: Number(beforeMs),
      ...(untilMs !== null && { untilMs: Number(untilMs) }),
    }));
  }
}

function outcomeOf(id: bigint | null | undefined): RevokeOutcome {
  return typeof id === "bigint" ? { result: "stored", id } : { result: "full" };
}
