// What changes of a large group take of the time of an SQLite store's writer, during which nothing else is committed:
// from taking the lock until the disk has the commit. The writer itself is measured, without its thread and its queue.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { limitValues } from "../../src/base/limits/table.ts";
import type { GroupCall } from "../../src/store/change-jobs.ts";
import { type Job, outcome, sliceMembersMax } from "../../src/store/jobs.ts";
import { checkpoint } from "../../src/store/sqlite/checkpoint.ts";
import { openConnection } from "../../src/store/sqlite/connection.ts";
import { indexPathOf } from "../../src/store/sqlite/index/index-file.ts";
import { IndexKeeper } from "../../src/store/sqlite/index/index-keeper.ts";
import { LogIndex } from "../../src/store/sqlite/index/log-index.ts";
import { writerLists } from "../../src/store/sqlite/index/posting.ts";
import { migrate } from "../../src/store/sqlite/schema.ts";
import { Writer } from "../../src/store/sqlite/writer.ts";
import type { Load } from "../generator/load.ts";
import { Latency } from "../latency.ts";
import type { Findings } from "../result.ts";
import { makeFolder, removeFolder } from "../server/lifetime.ts";
import { addedAtOnce } from "./large-group.ts";

const app = "bench";
const group = "large";
const owner = "member-0";
const byOwner = { app, group, actor: owner } as const;
/** The writer's cache in a server. */
const cacheKib = 32 * 1024;
const flushMessages = 65_536;
const requestsDefault = 200;

/** In the generator: `members`, and `isTrial`. */
export async function loadLargeGroupWriter({ settings, tell }: Load): Promise<Findings[]> {
  const { members, isTrial } = settings;
  const folder = makeFolder();
  const writer = new TimedWriter(join(folder, "messages.db"));
  try {
    const requests = isTrial ? 2 : requestsDefault;
    writer.create();
    for (let from = 1; from < members; from += addedAtOnce) {
      const accounts = namesFrom(from, Math.min(addedAtOnce, members - from));
      writer.changeMembers("add", accounts);
      tell("adding members", from / members);
      // A person who waits is told in between.
      await Bun.sleep(0);
    }
    for (let number = 0; number < requests; number++) {
      writer.join(`newcomer-${number}`);
      writer.changeRole(`member-${1 + Math.floor(number / 2)}`, number % 2 === 0 ? "admin" : "member");
      writer.talk(number);
    }
    for (let from = 1; from < members && from < 10 * addedAtOnce; from += addedAtOnce)
      writer.changeMembers("remove", namesFrom(from, Math.min(addedAtOnce, members - from)));
    writer.dismiss();
    writer.tidy();
    return writer.findings(members);
  } finally {
    writer.close();
    removeFolder(folder);
  }
}

function namesFrom(from: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `member-${from + index}`);
}

/** What one kind of request took: all its transactions together, and the longest one of them. */
interface Times {
  readonly whole: Latency;
  readonly slice: Latency;
}

class TimedWriter {
  private readonly log;
  private readonly db;
  private readonly index: LogIndex;
  private readonly keeper: IndexKeeper;
  private readonly writer: Writer;
  private readonly times = new Map<string, Times>();

  constructor(path: string) {
    writeFileSync(path, "");
    this.log = openConnection({ path, synchronous: "FULL", cacheKib: 1024 });
    migrate(this.log, path);
    const indexPath = indexPathOf(path);
    this.keeper = new IndexKeeper(this.log, { path: indexPath, holder: "compactor", flushMessages }, systemClock);
    this.db = openConnection({ path, synchronous: "FULL", cacheKib });
    this.db.run("PRAGMA busy_timeout = 0");
    this.index = new LogIndex(this.db, indexPath, writerLists);
    const bounds = { ...limitValues(), groupMembers: 1_000_000 };
    this.writer = new Writer(this.db, path, this.index, "writer", systemClock, bounds);
    this.writer.renew();
  }

  create(): void {
    const texts = { name: "bench", avatar: "", introduction: "" };
    const draft = { app, id: group, ...texts, owner, members: [], closed: false };
    this.commit("create", { kind: "create", draft, isWhole: true }, outcome.created);
  }

  /** In the slices of a store. */
  changeMembers(call: "add" | "remove", accounts: readonly string[]): void {
    const slices: GroupCall[] = [];
    for (let start = 0; start < accounts.length; start += sliceMembersMax)
      slices.push({ call, ...byOwner, accounts: accounts.slice(start, start + sliceMembersMax) });
    this.write(call, slices);
  }

  changeRole(account: string, role: "member" | "admin"): void {
    this.write("role", [{ call: "change", change: { ...byOwner, kind: "role", account, role } }]);
  }

  dismiss(): void {
    this.write("dismiss", [{ call: "change", change: { ...byOwner, kind: "dismiss" } }]);
  }

  join(account: string): void {
    this.commit("join", { kind: "join", change: { app, group, actor: account, account } }, outcome.changed);
  }

  talk(number: number): void {
    const text = { type: 1, body: "x".repeat(100), extra: "", clientId: "" };
    const job = { kind: "talk", app, sender: owner, toGroup: true, dest: group, toKnown: false, ...text } as const;
    this.commit("talk", { ...job, clientId: `talk-${number}` }, outcome.stored);
  }

  /** What housekeeping does after the end of the group. */
  tidy(): void {
    while (this.tidyOnce());
  }

  private tidyOnce(): boolean {
    return this.time("tidy", (slice) => slice(() => this.writer.purge()));
  }

  findings(members: number): Findings[] {
    return [...this.times].map(([operation, { whole, slice }]) => ({
      topology: "writer",
      store: "sqlite",
      operation,
      members,
      asked: whole.count,
      ...whole.fields(),
      slice_p50_ms: slice.at(50),
      slice_max_ms: slice.at(100),
      valid: true,
    }));
  }

  close(): void {
    this.index.close();
    this.db.close();
    this.keeper.close();
    this.log.close();
  }

  private commit(operation: string, job: Job, wanted: bigint): void {
    this.time(operation, (slice) => {
      const [code] = slice(() => this.writer.commit([job]));
      if (code !== wanted) throw new Error(`${operation} came to the outcome ${code}`);
    });
  }

  private write(operation: string, calls: readonly GroupCall[]): void {
    this.time(operation, (slice) => {
      for (const call of calls) {
        const [result] = slice(() => this.writer.commitChanges([{ kind: "group", call }]));
        if (
          result === undefined ||
          result === "needsPairs" ||
          result.of !== "group" ||
          result.outcome.result !== "stored"
        )
          throw new Error(`${operation} was refused: ${JSON.stringify(result)}`);
      }
    });
  }

  /** `work` calls `slice` for each transaction. A checkpoint follows, as a server has them beside its commits. */
  private time<R>(operation: string, work: (slice: <T>(transaction: () => T) => T) => R): R {
    const times = this.times.getOrInsertComputed(operation, () => ({ whole: new Latency(), slice: new Latency() }));
    let spentMs = 0;
    const done = work((transaction) => {
      const startMs = performance.now();
      const result = transaction();
      const endMs = performance.now();
      times.slice.record(startMs, endMs);
      spentMs += endMs - startMs;
      return result;
    });
    times.whole.record(0, spentMs);
    checkpoint(this.log);
    return done;
  }
}
