// Ways to break a cluster on purpose, each as a change of what surrounds the product: the simulation must notice every
// one of them.

import type { Location, PutOutcome } from "../../src/session/sessions.ts";
import type { LogPage, Talk, TalkOutcome } from "../../src/store/store.ts";
import {
  CachingClient,
  EagerRecalls,
  ForgetfulStates,
  OverwritingDatabase,
  RepeatingDatabase,
  WanderingReads,
} from "./conversation-sabotage.ts";
import { Database } from "./database.ts";
import { type Call, DatabaseClient } from "./database-client.ts";
import { CopiedSessions, LenientClient, OpenReads, SilentBlocks } from "./people-sabotage.ts";
import { SessionStore } from "./session-store.ts";
import type { StoredMessage } from "./stored-messages.ts";

export const sabotages = [
  "talks are answered before the commit",
  "ids are taken before the commit",
  "a repeated talk is stored again",
  "a window of a group never closes",
  "the index lacks what is no message",
  "sign-outs are lost",
  "kicks are lost",
  "leases never end",
  "presence is not told",
  "hints are not heeded",
  "recalls are answered before the commit",
  "nodes answer histories from a cache",
  "an edit overwrites a recall",
  "a repeated edit is stored again",
  "what changed in an account's state is told once only",
  "read cursors go back",
  "entries are not pushed at times, without a hint",
  "presence is not pushed at times, without a hint",
  "a watch survives a block",
  "sessions are located as they were some seconds ago",
  "everybody may signal to everybody",
  "read cursors are told to who is blocked",
] as const;
export type Sabotage = (typeof sabotages)[number];

/** What is answered is on the disk half a second later. */
class EagerDatabase extends Database {
  private readonly unsafe = new Set<StoredMessage>();

  override start(): void {
    super.start();
    for (const message of this.unsafe) this.messages.forget(message);
    this.unsafe.clear();
  }

  override append(talks: readonly Talk[], node: number): Promise<readonly TalkOutcome[]> {
    const count = this.messages.all.length;
    const outcomes = talks.map((talk) => this.store(talk, node));
    for (const message of this.messages.all.slice(count)) {
      this.unsafe.add(message);
      setTimeout(() => this.unsafe.delete(message), 500);
    }
    return Promise.resolve(outcomes);
  }
}

class SilentDatabase extends Database {
  override entries(query: Parameters<Database["entries"]>[0]): LogPage {
    return super.entries({ ...query, includeEvents: false });
  }
}

/** Ids follow the order of arrivals, and batches commit in another one. */
class UnorderedDatabase extends Database {
  private taken: bigint[] = [];

  override async append(talks: readonly Talk[], node: number): Promise<readonly TalkOutcome[]> {
    const ids = talks.map(() => super.nextId(node));
    await Bun.sleep(Number(BigInt.asUintN(32, (ids[0] ?? 0n) * 2_654_435_761n) % 400n));
    return this.commit(() => {
      this.taken = ids;
      const outcomes = talks.map((talk) => this.store(talk, node));
      this.taken = [];
      return outcomes;
    });
  }

  protected override nextId(node: number): bigint {
    return this.taken.shift() ?? super.nextId(node);
  }
}

class ForgetfulDatabase extends Database {
  protected override earlier(): undefined {
    return undefined;
  }
}

class OpenDatabase extends Database {
  protected override close(): void {
    // It is answered as if it had been done.
  }
}

class DeafSessions extends SessionStore {
  override remove(): boolean {
    return true;
  }
}

class QuietSessions extends SessionStore {
  override put(account: string, location: Location): PutOutcome {
    super.put(account, location);
    return { result: "put", replaced: undefined };
  }
}

class EternalSessions extends SessionStore {
  protected override endLeases(): void {
    // Whoever is silent is taken to be alive.
  }

  override removeWhere(): void {
    // So is a process that has started again.
  }
}

class UntoldSessions extends SessionStore {
  protected override tell(): void {
    // Nobody hears who comes and goes.
  }
}

/** `commitMs`: as in `Database`. */
export function databaseOf(sabotage: Sabotage | undefined, commitMs: () => number): Database {
  switch (sabotage) {
    case "talks are answered before the commit":
      return new EagerDatabase(commitMs);
    case "ids are taken before the commit":
      return new UnorderedDatabase(commitMs);
    case "a repeated talk is stored again":
      return new ForgetfulDatabase(commitMs);
    case "a window of a group never closes":
      return new OpenDatabase(commitMs);
    case "the index lacks what is no message":
      return new SilentDatabase(commitMs);
    case "recalls are answered before the commit":
      return new EagerRecalls(commitMs);
    case "an edit overwrites a recall":
      return new OverwritingDatabase(commitMs);
    case "a repeated edit is stored again":
      return new RepeatingDatabase(commitMs);
    case "what changed in an account's state is told once only":
      return new ForgetfulStates(commitMs);
    case "read cursors go back":
      return new WanderingReads(commitMs);
    case "a watch survives a block":
      return new SilentBlocks(commitMs);
    case "read cursors are told to who is blocked":
      return new OpenReads(commitMs);
    default:
      return new Database(commitMs);
  }
}

function clientOf(sabotage: Sabotage | undefined): typeof DatabaseClient {
  if (sabotage === "nodes answer histories from a cache") return CachingClient;
  return sabotage === "everybody may signal to everybody" ? LenientClient : DatabaseClient;
}

/** What makes the store of a chat process. */
export function storeOf(
  sabotage: Sabotage | undefined,
): (call: Call, database: Database, node: number) => DatabaseClient {
  const Client = clientOf(sabotage);
  return (call, database, node) => new Client(call, () => database, node);
}

export function sessionStoreOf(sabotage: Sabotage | undefined): SessionStore {
  switch (sabotage) {
    case "sign-outs are lost":
      return new DeafSessions();
    case "kicks are lost":
      return new QuietSessions();
    case "leases never end":
      return new EternalSessions();
    case "presence is not told":
      return new UntoldSessions();
    case "sessions are located as they were some seconds ago":
      return new CopiedSessions();
    default:
      return new SessionStore();
  }
}
