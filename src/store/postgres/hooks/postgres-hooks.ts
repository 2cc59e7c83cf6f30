// Webhooks in PostgreSQL. Settings go through the writer; the rest uses the connections of reads, beside it.

import { serialize } from "bun:jsc";
import type {
  Batch,
  DeadLetter,
  Endpoint,
  EndpointSettings,
  HookChange,
  HookLease,
  HookLook,
  HookPage,
  HookQuery,
  HookRecord,
  HookStore,
  Receiver,
  SerializedReads,
} from "../../hooks.ts";
import type { Connections } from "../connection.ts";
import type { InLife } from "../life.ts";
import { toText } from "../text.ts";
import type { Writer } from "../writer.ts";
import { HookLog } from "./hook-log.ts";
import { type BatchRow, batchOf, type EndpointRow, endpointOf, sentChanges } from "./hook-rows.ts";

type SetOutcome = Awaited<ReturnType<HookStore["set"]>>;

export class PostgresHooks implements HookStore {
  private readonly writer: Pick<Writer, "write">;
  private readonly connections: Connections;
  private readonly inLife: InLife;
  private readonly log: HookLog;

  constructor(writer: Pick<Writer, "write">, connections: Connections, inLife: InLife) {
    this.writer = writer;
    this.connections = connections;
    this.inLife = inLife;
    this.log = new HookLog(connections, inLife);
  }

  async look(): Promise<HookLook> {
    const [row] = await this.inLife((life) =>
      this.connections.run<{ version: bigint; count: bigint; holder: string | null; beat: bigint | null }[]>(
        (sql) => sql`
          SELECT coalesce(max(version), 0) AS version, count(*) AS count,
            (SELECT holder FROM roost.hook_lease) AS holder, (SELECT beat FROM roost.hook_lease) AS beat
          FROM roost.hook WHERE roost.require_life(${life})`,
      ),
    );
    const { version = 0n, count = 0n } = row ?? {};
    const lease = { holder: row?.holder ?? "", beat: row?.beat ?? 0n };
    return { version: `${version}-${count}`, isUsed: count > 0n, lease };
  }

  async endpoints(): Promise<readonly Endpoint[]> {
    const rows = await this.inLife((life) =>
      this.connections.run<EndpointRow[]>(
        (sql) => sql`SELECT * FROM roost.hook WHERE roost.require_life(${life}) ORDER BY id`,
      ),
    );
    return rows.map(endpointOf);
  }

  async set(settings: EndpointSettings): Promise<SetOutcome> {
    const { app, name, url, secret, events, isFailOpen } = settings;
    const [row] = await this.writer.write<SetOutcome[]>(
      (sql, holder, life) => sql`SELECT roost.set_hook(${holder}, ${life}, ${toText(app)}, ${name}, ${url}, ${secret},
        ${events.join(",")}, ${isFailOpen}) AS result`,
    );
    return { result: row?.result ?? "full" };
  }

  async remove(app: string, name: string): Promise<boolean> {
    const [row] = await this.writer.write<{ removed: boolean }[]>(
      (sql, holder, life) => sql`SELECT roost.remove_hook(${holder}, ${life}, ${toText(app)}, ${name}) AS removed`,
    );
    return row?.removed === true;
  }

  async lease(holder: string, seen: HookLease): Promise<HookLease> {
    const [row] = await this.inLife((life) =>
      this.connections.run<HookLease[]>(
        (sql) => sql`
          SELECT * FROM roost.lease_hooks(${life}, ${holder}, ${seen.holder}, ${`${seen.beat}`}::bigint)`,
      ),
    );
    return { holder: row?.holder ?? "", beat: row?.beat ?? 0n };
  }

  async save(holder: string, changes: readonly HookChange[]): Promise<boolean> {
    const sent = sentChanges(changes);
    const [row] = await this.inLife((life) =>
      this.connections.run<{ saved: boolean }[]>(
        (sql) => sql`SELECT roost.save_hooks(${life}, ${holder}, ${sent}::text::jsonb) AS saved`,
      ),
    );
    return row?.saved === true;
  }

  async waiting(endpoint: bigint): Promise<readonly Batch[]> {
    const rows = await this.inLife((life) =>
      this.connections.run<BatchRow[]>(
        (sql) => sql`SELECT * FROM roost.hook_batch WHERE roost.require_life(${life})
          AND hook = ${`${endpoint}`}::bigint AND state IN ('open', 'aside') ORDER BY number`,
      ),
    );
    return rows.map(batchOf);
  }

  async dead(app: string, name: string, limit: number): Promise<readonly DeadLetter[]> {
    const rows = await this.inLife((life) =>
      this.connections.run<BatchRow[]>(
        (sql) => sql`SELECT * FROM roost.hook_batch WHERE roost.require_life(${life}) AND state = 'dead'
          AND hook = (SELECT id FROM roost.hook WHERE app = ${toText(app)} AND name = ${name})
          ORDER BY number LIMIT ${limit}`,
      ),
    );
    return rows.map((row) => {
      const { webhookId, refs, attempts, reason } = batchOf(row);
      return { webhookId, events: refs.length, attempts, reason };
    });
  }

  async replay(app: string, name: string, webhookId?: string): Promise<number> {
    const [row] = await this.writer.write<{ replayed: bigint }[]>(
      (sql, holder, life) => sql`SELECT roost.replay_hook(${holder}, ${life}, ${toText(app)}, ${name},
        ${webhookId ?? null}) AS replayed`,
    );
    return Number(row?.replayed ?? 0n);
  }

  page(query: HookQuery): Promise<HookPage> {
    return this.log.page(query);
  }

  records(ids: readonly bigint[]): Promise<readonly HookRecord[]> {
    return this.log.records(ids);
  }

  receivers(messageIds: readonly bigint[], membersMax: number): Promise<readonly Receiver[]> {
    return this.log.receivers(messageIds, membersMax);
  }

  file(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  readonly serialized: SerializedReads = {
    waiting: async (endpoint) => serialize(await this.waiting(endpoint)),
    page: async (query) => serialize(await this.page(query)),
    records: async (ids) => serialize(await this.records(ids)),
    receivers: async (messageIds, membersMax) => serialize(await this.receivers(messageIds, membersMax)),
  };
}
