// Answers `locate` with as few round trips as linearizability allows: all calls that wait when a fence starts share it
// and the reading of what is not cached; calls that arrive meanwhile share the next one.

import type { Follower } from "../follower.ts";
import { nowhere, type LeasedLocations } from "../location-cache.ts";
import type { Location } from "../sessions.ts";
import { pairKey } from "./pair-key.ts";
import type { RedisLink } from "./redis-link.ts";
import { asList, readFence, readSessions } from "./replies.ts";
import { fenceScript } from "./scripts.ts";

/** The server is blocked while it reads these. */
const accountsPerScript = 500;
/** Elements of a fence's reply before the first account's. */
const fenceWords = 3;

type Located = readonly (readonly Location[])[];

interface Waiter {
  readonly app: string;
  readonly accounts: readonly string[];
  readonly resolve: (located: Located) => void;
  readonly reject: (error: unknown) => void;
}

/** Accounts to read, by key. */
type Wanted = Map<string, { readonly app: string; readonly account: string }>;

export class FencedReader {
  private readonly link: RedisLink;
  private readonly follower: Follower;
  private waiters: Waiter[] = [];
  private isRunning = false;

  constructor(link: RedisLink, follower: Follower) {
    this.link = link;
    this.follower = follower;
  }

  locate(app: string, accounts: readonly string[]): Promise<Located> {
    const { promise, resolve, reject } = Promise.withResolvers<Located>();
    this.waiters.push({ app, accounts, resolve, reject });
    if (!this.isRunning) {
      this.isRunning = true;
      // Deferred, so that all calls of one callback share the fence.
      queueMicrotask(() => void this.run());
    }
    return promise;
  }

  private async run(): Promise<void> {
    while (this.waiters.length > 0) {
      const { waiters } = this;
      this.waiters = [];
      try {
        await this.serve(waiters);
      } catch (error) {
        for (const waiter of waiters) waiter.reject(error);
      }
    }
    this.isRunning = false;
  }

  private async serve(waiters: readonly Waiter[]): Promise<void> {
    const { cache } = this.follower;
    const missing: Wanted = new Map();
    for (const { app, accounts } of waiters) {
      for (const account of accounts) {
        if (cache.get(app, account) === undefined) missing.set(pairKey(app, account), { app, account });
      }
    }
    await this.fence(missing);
    // Accounts that the fence invalidated, or that the cache has evicted, are read again.
    const changed: Wanted = new Map();
    const found = waiters.map(({ app, accounts }) =>
      accounts.map((account) => {
        const cached = cache.get(app, account);
        if (cached === undefined) changed.set(pairKey(app, account), { app, account });
        return cached;
      }),
    );
    const read = await this.read(changed);
    this.remember(changed, read);
    for (const [at, { app, accounts, resolve }] of waiters.entries()) {
      resolve(
        accounts.map((account, index) => {
          const { locations } = found[at]?.[index] ?? read.get(pairKey(app, account)) ?? nowhere;
          return locations;
        }),
      );
    }
  }

  /** Makes a fence and reads the wanted accounts into the cache, in one round trip. */
  private async fence(wanted: Wanted): Promise<void> {
    const { link, follower } = this;
    const entries = [...wanted];
    const first = entries.slice(0, accountsPerScript).map(([key]) => key);
    const [reply, rest] = await Promise.all([
      link.call(fenceScript, [follower.epoch, String(follower.sequence), ...first]).then(asList),
      // Sent after the fence, so at least as new.
      this.read(new Map(entries.slice(accountsPerScript))),
    ]);
    follower.follow(readFence(reply));
    this.remember(wanted, sessionsOf(first, reply));
    this.remember(wanted, rest);
  }

  /** Reads accounts in one round trip; a fence must precede it. */
  private async read(wanted: Wanted): Promise<Map<string, LeasedLocations>> {
    const keys = [...wanted.keys()];
    const parts: Promise<Map<string, LeasedLocations>>[] = [];
    for (let at = 0; at < keys.length; at += accountsPerScript) {
      const part = keys.slice(at, at + accountsPerScript);
      parts.push(this.link.call(fenceScript, ["", "0", ...part]).then((reply) => sessionsOf(part, asList(reply))));
    }
    const read = new Map<string, LeasedLocations>();
    for (const part of await Promise.all(parts)) for (const [key, sessions] of part) read.set(key, sessions);
    return read;
  }

  private remember(wanted: Wanted, read: ReadonlyMap<string, LeasedLocations>): void {
    for (const [key, sessions] of read) {
      const name = wanted.get(key);
      if (name !== undefined) this.follower.cache.set(name.app, name.account, sessions);
    }
  }
}

/** Returns the sessions that follow the fence in a reply, by the requested keys. */
function sessionsOf(keys: readonly string[], reply: readonly unknown[]): Map<string, LeasedLocations> {
  return new Map(keys.map((key, at) => [key, readSessions(reply[fenceWords + at])]));
}
