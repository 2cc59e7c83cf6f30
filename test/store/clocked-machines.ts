// Nodes that purge one database, on machines whose clocks a test moves.

import { silentLog } from "../../src/base/log.ts";
import { claimOfNobody } from "../../src/auth/store-ownership.ts";
import { horizonDayMs as dayMs } from "../../src/store/horizon.ts";
import { talkJob, talkOutcome } from "../../src/store/jobs.ts";
import { Connections } from "../../src/store/postgres/connection.ts";
import { Horizons, type Look } from "../../src/store/postgres/horizons.ts";
import { migrate } from "../../src/store/postgres/migrate.ts";
import { limitValues } from "../../src/base/limits/table.ts";
import { LogReader } from "../../src/store/postgres/log-reader.ts";
import { Writer } from "../../src/store/postgres/writer.ts";
import type { Store, Talk } from "../../src/store/store.ts";
import { DatabaseClock } from "../support/database-clock.ts";
import { stored, talk } from "./samples.ts";
import { shownTo } from "./said-and-shown.ts";
import { type TestDatabase } from "./postgres-setup.ts";

const minuteMs = 60_000;

/** Nodes over one database, on machines whose clocks a test moves. */
export class Machines {
  wallMs = Date.UTC(2026, 5, 1);
  monotonicMs = 5_000;
  keepMs: number | undefined;
  last: Look | undefined;
  nodes: Horizons[] = [];
  private readonly db: TestDatabase;
  private readonly clock: DatabaseClock;
  private readonly writer: Writer;
  private readonly connections: Connections;

  private constructor(db: TestDatabase, clock: DatabaseClock, keepMs: number | undefined) {
    this.db = db;
    this.clock = clock;
    this.keepMs = keepMs;
    this.writer = new Writer(db.url, "a-node", claimOfNobody, limitValues());
    this.connections = new Connections({ url: db.url, connectionsMax: 4, idleSecondsMax: 0 });
    db.opened.push(this.writer, this.connections);
  }

  static async make(db: TestDatabase, nodes = 1, keepMs: number | undefined = 15 * dayMs): Promise<Machines> {
    await migrate(db.url, silentLog);
    const machines = new Machines(db, await DatabaseClock.install(db.sql), keepMs);
    await machines.restart(0, nodes);
    return machines;
  }

  /** All nodes are away for so long. */
  async restart(offMs: number, nodes = this.nodes.length): Promise<void> {
    this.monotonicMs = 5_000;
    this.wallMs += offMs;
    const clock = { monotonicMs: () => this.monotonicMs };
    this.nodes = Array.from({ length: nodes }, () => new Horizons(this.connections, clock, this.keepMs));
    await this.look();
  }

  async look(): Promise<void> {
    await this.clock.fix(this.wallMs);
    for (const node of this.nodes) {
      this.last = (await node.look()) ?? this.last;
      for (let above: bigint | null = 0n; above !== null;) {
        const [slice]: { next: bigint | null }[] = await this.db
          .sql`SELECT roost.purge_slice(${above}, 2000, null) AS next`;
        above = slice?.next ?? null;
      }
    }
  }

  async run(ms: number, stepMs = 10 * minuteMs): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      this.wallMs += stepMs;
      this.monotonicMs += stepMs;
      await this.look();
    }
  }

  async say(change: Partial<Talk> = {}): Promise<bigint> {
    await this.clock.fix(this.wallMs);
    const numbers = await this.writer.commit([talkJob(talk(change))]);
    return stored(talkOutcome((_, slot) => numbers[slot] ?? 0n, 0)).messageId;
  }

  shown(after = 0n): Promise<bigint[]> {
    const reader = new LogReader(this.connections);
    const index: Store["index"] = async (query) => reader.index(await this.db.life(), query, query.limit);
    return shownTo({ index }, "bob", after);
  }
}
