// The process that fills the store of a scenario before a server opens it: as many messages as asked, some of them,
// evenly spread, for the accounts that come back. Its argument is an Order as JSON; it tells by IPC what share is done.

import { createLog } from "../../src/base/log.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { Talk } from "../../src/store/store.ts";
import { bodyBytes } from "../generator/people.ts";

/** Who comes back, and how many messages from how many senders are for it, one sender after another. */
export interface Waiter {
  readonly account: string;
  readonly messages: number;
  readonly senders: number;
}

/** What is to be stored. */
export interface Order {
  /** The database file; its folder exists. */
  readonly path: string;
  readonly app: string;
  readonly waiters: readonly Waiter[];
  /** Messages for others. */
  readonly rows: number;
}

const accounts = 100_000;
const senders = 1_000;
/** Talks of one call, and calls in flight: the store is never without work. */
const batchTalks = 256;
const callsInFlight = 8;
/** Of the platform's own hash: receivers are at no fixed distance. */
const scatter = (number: number): number => Bun.hash.crc32(String(number));

/** Prime, and larger than the messages that wait: the messages of all who come back are mixed. */
const stride = 1_000_003;

function waitingOf({ waiters }: Order): number {
  return waiters.reduce((sum, { messages }) => sum + messages, 0);
}

function talkOf(order: Order, waiting: number, number: number): Talk {
  const { app, rows } = order;
  const place = Math.floor((number * waiting) / (rows + waiting));
  // Where this whole number steps, a message for those who come back has its place.
  const isWaiting = Math.floor(((number + 1) * waiting) / (rows + waiting)) > place;
  const found = isWaiting ? waiterAt(order, (place * stride) % waiting) : undefined;
  const dest = found?.account ?? `somebody-${scatter(number) % accounts}`;
  const sender = `sender-${found?.sender ?? number % senders}`;
  return { app, sender, toGroup: false, dest, type: 1, body, extra: "", clientId: `filled-${number}` };
}

/** The receiver and the sender of one of the messages that wait. */
function waiterAt({ waiters }: Order, place: number): { readonly account: string; readonly sender: number } {
  let left = place;
  for (const { account, messages, senders: count } of waiters) {
    if (left < messages) return { account, sender: left % count };
    left -= messages;
  }
  throw new Error(`no message ${place} waits`);
}

const body = "x".repeat(bodyBytes);

async function fill(order: Order): Promise<void> {
  const log = createLog("warn", "text", (line) => process.stderr.write(line));
  // Nobody would miss these messages after a power cut.
  const store = await openSqliteStore({ path: order.path, retentionDays: 15, log, synchronous: "NORMAL" });
  const waiting = waitingOf(order);
  const total = order.rows + waiting;
  let next = 0;
  const line = async (): Promise<void> => {
    while (next < total) {
      const from = next;
      next = Math.min(total, from + batchTalks);
      await store.append(Array.from({ length: next - from }, (_, index) => talkOf(order, waiting, from + index)));
      process.send?.(next / total);
    }
  };
  await Promise.all(Array.from({ length: callsInFlight }, line));
  await store.close();
}

if (import.meta.main) {
  const order: Order = JSON.parse(process.argv[2] ?? "");
  await fill(order);
  process.exit(0);
}
