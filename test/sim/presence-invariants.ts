// What a cluster has promised of presence: a client that watches holds, a few seconds after whatever happened, what is
// true of each account; of who blocks it, that it is on no device.

import type { Database } from "./database.ts";
import type { Phone } from "./phone.ts";
import type { SessionStore } from "./session-store.ts";

/** Whatever a watcher holds is right after this time without a change. */
const rightMsMax = 5_000;

interface Parts {
  readonly phones: readonly Phone[];
  readonly database: Database;
  readonly sessionStore: SessionStore;
}

/** What a client knows of an account. */
interface Pair {
  /** What was true when it was compared last; another one gives it time again. */
  truth: string;
  /** Since when it has been wrong; undefined if it is right. */
  wrongSinceMs: number | undefined;
  /** When it might not watch last, or may not have been allowed to. */
  strangerMs: number;
  /** It might not watch at the last look. */
  wasStranger: boolean;
}

export class PresenceInvariants {
  private readonly parts: Parts;
  private readonly pairs = new Map<string, Pair>();

  constructor(parts: Parts) {
    this.parts = parts;
  }

  /** Compares what all clients hold; to be called each second. Returns what has been wrong for too long. */
  look(nowMs: number): readonly string[] {
    return this.parts.phones.filter(({ hasFeature }) => hasFeature).flatMap((phone) => this.lookAt(phone, nowMs));
  }

  private lookAt(phone: Phone, nowMs: number): string[] {
    const { people, groups } = this.parts.database;
    return phone.watched.flatMap((account) => {
      const key = `${phone.label} ${account}`;
      const isBlocked = people.isBlocked(account, phone.account);
      const isStranger = !people.mayWatch(phone.account, account);
      const devices = this.parts.sessionStore.all.get(account)?.length ?? 0;
      const versions = `${people.blockVersion(account, phone.account)} ${groups.versions}`;
      const truth = `${devices} ${phone.channelId} ${versions}`;
      const pair = this.pairs.getOrInsertComputed(key, () => ({
        truth,
        wrongSinceMs: undefined,
        strangerMs: nowMs,
        wasStranger: true,
      }));
      // It may have become one that may watch at any time since the last look.
      if (isStranger || pair.wasStranger || !pair.truth.endsWith(` ${versions}`)) pair.strangerMs = nowMs;
      const { watchedMs } = phone;
      const held = phone.devicesOf(account);
      // Whom it might not watch when it asked, it may hear nothing of.
      const isTold = watchedMs > pair.strangerMs;
      const isRight = held !== undefined && ((held === devices && !isBlocked) || (held === 0 && !isTold));
      // While its watch is refused, because its gateway reaches no chat node, it knows that it knows nothing.
      if (isRight || !phone.isWatching) pair.wrongSinceMs = undefined;
      else if (pair.truth !== truth) pair.wrongSinceMs = nowMs;
      else pair.wrongSinceMs ??= nowMs;
      pair.truth = truth;
      pair.wasStranger = isStranger;
      if (nowMs - (pair.wrongSinceMs ?? nowMs) <= rightMsMax) return [];
      const shown = isBlocked ? "0, as it is blocked" : `${devices}`;
      return [`${phone.label} takes ${account} to be on ${held} devices, and not on ${shown}`];
    });
  }
}
