// The keys of the API in PostgreSQL: calls that write are functions of the database (key-functions.ts), over the
// writer's connection; others are read beside it.

import type { ApiKeyDraft, ApiKeyStore, CreateKeyOutcome, StoredApiKey } from "../../api-keys.ts";
import type { Connections } from "../connection.ts";
import type { InLife } from "../life.ts";
import { fromText, toText } from "../text.ts";
import type { Writer } from "../writer.ts";

interface KeyRow {
  readonly id: string;
  readonly hash: string;
  readonly app: string;
  readonly scopes: string;
  readonly name: string;
  readonly created_ms: bigint;
  readonly revoked_ms: bigint;
  readonly version: bigint;
}

export class PostgresApiKeys implements ApiKeyStore {
  private readonly writer: Pick<Writer, "write">;
  private readonly connections: Connections;
  private readonly inLife: InLife;

  constructor(writer: Pick<Writer, "write">, connections: Connections, inLife: InLife) {
    this.writer = writer;
    this.connections = connections;
    this.inLife = inLife;
  }

  async create({ id, hash, app, scopes, name }: ApiKeyDraft): Promise<CreateKeyOutcome> {
    const [row] = await this.writer.write<KeyRow[]>(
      (sql, holder, life) => sql`SELECT * FROM roost.create_key(${holder}, ${life}, ${id}, ${hash}, ${toText(app)},
        ${scopes.join(",")}, ${toText(name)})`,
    );
    return row === undefined ? { result: "full" } : { result: "stored", key: keyOf(row) };
  }

  async revoke(id: string): Promise<StoredApiKey | undefined> {
    const [row] = await this.writer.write<KeyRow[]>(
      (sql, holder, life) => sql`SELECT * FROM roost.revoke_key(${holder}, ${life}, ${toText(id)})`,
    );
    return row && keyOf(row);
  }

  async after(version: bigint, limit: number): Promise<readonly StoredApiKey[]> {
    const rows = await this.inLife((life) =>
      this.connections.run<KeyRow[]>(
        (sql) => sql`SELECT * FROM roost.api_key
          WHERE roost.require_life(${life}) AND version > ${`${version}`}::bigint ORDER BY version LIMIT ${limit}`,
      ),
    );
    return rows.map(keyOf);
  }
}

function keyOf({ app, scopes, name, created_ms: createdMs, revoked_ms: revokedMs, ...row }: KeyRow): StoredApiKey {
  return {
    ...row,
    app: fromText(app),
    scopes: scopes.split(","),
    name: fromText(name),
    createdMs: Number(createdMs),
    revokedMs: Number(revokedMs),
  };
}
