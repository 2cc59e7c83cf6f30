// Writes what belongs to webhooks, inside the writer's transaction.

import type { Database } from "bun:sqlite";
import { endpointsMax } from "../../../base/limits/fixed.ts";
import type { EndpointSettings, HookLease } from "../../hooks.ts";
import type { IdSequence } from "../../snowflake.ts";
import { HookNames } from "./hook-names.ts";
import type { HookSave, HookWriteRequest, HookWritten, SentChange } from "./requests.ts";

const writers = new WeakMap<Database, HookWriter>();

/** Inside the write transaction: changes what belongs to webhooks. */
export function writeHooks(db: Database, request: HookWriteRequest, ids: IdSequence, wallMs: number): HookWritten {
  return writerOf(db).write(request, ids, wallMs);
}

/** Inside the write transaction: makes these changes; false, and nothing is changed, if somebody else has the lease. */
export function saveHooks(db: Database, save: HookSave): boolean {
  return writerOf(db).save(save);
}

function writerOf(db: Database): HookWriter {
  return writers.getOrInsertComputed(db, () => new HookWriter(db));
}

class HookWriter {
  private readonly names: HookNames;
  private readonly sql;

  constructor(db: Database) {
    this.names = new HookNames(db);
    this.sql = {
      find: db.prepare<{ id: bigint }, [string, string]>("SELECT id FROM hook WHERE app = ? AND name = ?"),
      count: db.prepare<{ count: bigint }, []>("SELECT count(*) AS count FROM hook"),
      add: db.prepare<null, [bigint, bigint, string, string, string, string, string, number, bigint, bigint]>(
        `INSERT INTO hook (id, version, app, name, url, secret, events, fail_open, told, undelivered, lost)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)`,
      ),
      change: db.prepare<null, [bigint, string, string, string, number, bigint]>(
        "UPDATE hook SET version = ?, url = ?, secret = ?, events = ?, fail_open = ? WHERE id = ?",
      ),
      touch: db.prepare<null, [bigint, bigint]>("UPDATE hook SET version = ? WHERE id = ?"),
      remove: db.prepare<null, [bigint]>("DELETE FROM hook WHERE id = ?"),
      removeBatches: db.prepare<null, [bigint]>("DELETE FROM hook_batch WHERE hook = ?"),
      lease: db.prepare<{ holder: string; beat: bigint }, []>("SELECT holder, beat FROM hook_lease"),
      hold: db.prepare<null, [string, bigint]>(
        "INSERT OR REPLACE INTO hook_lease (one, holder, beat) VALUES (1, ?, ?)",
      ),
      move: {
        log: db.prepare<null, [bigint, bigint]>("UPDATE hook SET told = max(told, ?) WHERE id = ?"),
        undelivered: db.prepare<null, [bigint, bigint]>(
          "UPDATE hook SET undelivered = max(undelivered, ?) WHERE id = ?",
        ),
      },
      lose: db.prepare<null, [number, bigint]>("UPDATE hook SET lost = lost + ? WHERE id = ?"),
      put: db.prepare<null, [bigint, string, string, string, string, string, bigint, number, number, string, bigint]>(
        `INSERT INTO hook_batch
           (hook, webhook_id, lane, state, refs, conversation, up_to, attempts, due_ms, reason)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 FROM hook WHERE id = ?11
         ON CONFLICT (hook, webhook_id) DO UPDATE SET lane = excluded.lane, state = excluded.state,
           refs = excluded.refs, conversation = excluded.conversation, up_to = excluded.up_to,
           attempts = excluded.attempts, due_ms = excluded.due_ms, reason = excluded.reason`,
      ),
      drop: db.prepare<null, [bigint, string]>("DELETE FROM hook_batch WHERE hook = ? AND webhook_id = ?"),
      // Nobody waits behind what is replayed: what followed it was told long ago.
      replay: db.prepare<null, [bigint, string | null]>(
        `UPDATE hook_batch SET state = 'aside', conversation = '', attempts = 0, due_ms = 0
         WHERE hook = ?1 AND state = 'dead' AND (?2 IS NULL OR webhook_id = ?2)`,
      ),
    };
  }

  write(request: HookWriteRequest, ids: IdSequence, wallMs: number): HookWritten {
    switch (request.write) {
      case "set":
        return this.set(request.settings, ids, wallMs);
      case "remove": {
        const found = this.sql.find.get(request.app, request.name);
        if (found === null) return { result: "nothing" };
        this.sql.removeBatches.run(found.id);
        this.sql.remove.run(found.id);
        return { result: "done" };
      }
      case "lease":
        return { result: "lease", lease: this.lease(request.holder, request.seen) };
      case "replay": {
        const found = this.sql.find.get(request.app, request.name);
        if (found === null) return { result: "replayed", batches: 0 };
        const batches = this.sql.replay.run(found.id, request.webhookId ?? null).changes;
        if (batches > 0) this.sql.touch.run(ids.next(wallMs), found.id);
        return { result: "replayed", batches };
      }
    }
  }

  save({ holder, changes }: HookSave): boolean {
    if (this.holder().holder !== holder) return false;
    for (const change of changes) this.apply(change);
    return true;
  }

  private set({ app, name, url, secret, events, isFailOpen }: EndpointSettings, ids: IdSequence, wallMs: number) {
    const found = this.sql.find.get(app, name);
    const shown = events.join(",");
    const failOpen = Number(isFailOpen);
    if (found !== null) {
      this.sql.change.run(ids.next(wallMs), url, secret, shown, failOpen, found.id);
      return { result: "changed" } as const;
    }
    if ((this.sql.count.get()?.count ?? 0n) >= endpointsMax) return { result: "full" } as const;
    const id = ids.next(wallMs);
    this.sql.add.run(id, id, app, name, url, secret, shown, failOpen, id, id);
    return { result: "created" } as const;
  }

  private holder(): HookLease {
    // A salvage may have lost the row.
    return this.sql.lease.get() ?? { holder: "", beat: 0n };
  }

  private lease(holder: string, seen: { readonly holder: string; readonly beat: string }): HookLease {
    const present = this.holder();
    if (present.holder !== seen.holder || present.beat !== BigInt(seen.beat)) return present;
    const next = { holder, beat: present.beat + 1n };
    this.sql.hold.run(next.holder, next.beat);
    return next;
  }

  private apply(change: SentChange): void {
    switch (change.change) {
      case "move":
        this.sql.move[change.lane].run(BigInt(change.position), BigInt(change.endpoint));
        return;
      case "drop":
        this.sql.drop.run(BigInt(change.endpoint), change.webhookId);
        return;
      case "lose":
        this.sql.lose.run(change.events, BigInt(change.endpoint));
        return;
      case "put": {
        const { batch } = change;
        const endpoint = BigInt(batch.endpoint);
        const { refs, conversation } = this.names.known(endpoint, batch);
        if (refs.length === 0) {
          this.sql.drop.run(endpoint, batch.webhookId);
          return;
        }
        this.sql.put.run(
          endpoint,
          batch.webhookId,
          batch.lane,
          batch.state,
          refs.join(","),
          conversation,
          BigInt(batch.upTo),
          batch.attempts,
          Math.floor(batch.dueMs),
          batch.reason,
          endpoint,
        );
      }
    }
  }
}
