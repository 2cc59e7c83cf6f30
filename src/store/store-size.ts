// How large a store is and how fast it grows, as measured from the store itself, without reading all of it.

const dayMs = 86_400_000;
/** The growth is that of so many days, if the store is as old. */
export const recentDaysMax = 7;

export interface StoreSize {
  /** On disk: messages, index, read cursors and logs. */
  readonly bytes: number;
  /** Estimated in large stores; undefined while the index that counts them is built. */
  readonly messages: number | undefined;
  /** Of these, the ones of the last `recentDays`. */
  readonly recentMessages: number;
  /** At most `recentDaysMax`, and as old as the oldest message; at least 1. */
  readonly recentDays: number;
}

interface Growth {
  readonly messagesPerDay: number;
  readonly bytesPerDay: number;
}

/** Returns for how many days messages of a store are counted whose oldest message is from `oldestMs`. */
export function recentDaysOf(oldestMs: number, nowMs: number): number {
  return Math.min(recentDaysMax, Math.max(1, (nowMs - oldestMs) / dayMs));
}

/** Returns undefined if the number of messages is unknown, or 0. */
export function growthOf({ bytes, messages, recentMessages, recentDays }: StoreSize): Growth | undefined {
  if (messages === undefined || messages === 0) return undefined;
  const messagesPerDay = recentMessages / recentDays;
  return { messagesPerDay, bytesPerDay: messagesPerDay * (bytes / messages) };
}
