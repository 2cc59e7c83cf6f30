// Ways to break a cluster on purpose, each as a change of what surrounds the product: the simulation must notice every
// one of them.

import type { Location, PutOutcome } from "../../src/session/sessions.ts";
import type { LogPage, Talk, TalkOutcome } from "../../src/store/store.ts";
import { Database, type StoredMessage } from "./database.ts";
import { SessionStore } from "./session-store.ts";

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
] as const;
export type Sabotage = (typeof sabotages)[number];

/** What is answered is on the disk half a second later. */
class EagerDatabase extends Database {
  private readonly unsafe = new Set<StoredMessage>();

  override start(): void {
    super.start();
    this.messages = this.messages.filter((message) => !this.unsafe.has(message));
    this.unsafe.clear();
  }

  override append(talks: readonly Talk[], node: number): Promise<readonly TalkOutcome[]> {
    const count = this.messages.length;
    const outcomes = talks.map((talk) => this.store(talk, node));
    for (const message of this.messages.slice(count)) {
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
  override async append(talks: readonly Talk[], node: number): Promise<readonly TalkOutcome[]> {
    const ids = talks.map(() => this.nextId(node));
    await Bun.sleep(Number(BigInt.asUintN(32, (ids[0] ?? 0n) * 2_654_435_761n) % 400n));
    return this.commit(() =>
      talks.map((talk, at) => {
        const outcome = this.store(talk, node);
        const id = ids[at];
        const message = this.messages.at(-1);
        if (outcome.result !== "stored" || outcome.repeated || message === undefined || id === undefined)
          return outcome;
        this.messages.splice(-1, 1, { ...message, messageId: id });
        return { ...outcome, messageId: id };
      }),
    );
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

export function databaseOf(sabotage: Sabotage | undefined): Database {
  switch (sabotage) {
    case "talks are answered before the commit":
      return new EagerDatabase();
    case "ids are taken before the commit":
      return new UnorderedDatabase();
    case "a repeated talk is stored again":
      return new ForgetfulDatabase();
    case "a window of a group never closes":
      return new OpenDatabase();
    case "the index lacks what is no message":
      return new SilentDatabase();
    default:
      return new Database();
  }
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
    default:
      return new SessionStore();
  }
}
