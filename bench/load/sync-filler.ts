// The process that fills the store of scenario `sync` before a server opens it: as many messages as asked, some of
// them, evenly spread, for the one account that comes back. Its argument is an Order as JSON; it tells by IPC what
// share is done.

import { createLog } from "../../src/base/log.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { Talk } from "../../src/store/store.ts";
import { bodyBytes } from "../generator/people.ts";

/** What is to be stored. */
export interface Order {
  /** The database file; its folder exists. */
  readonly path: string;
  readonly app: string;
  /** Who comes back, and how many of the messages are for them. */
  readonly account: string;
  readonly waiting: number;
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

function talkOf({ app, account, waiting, rows }: Order, number: number): Talk {
  const total = rows + waiting;
  // Where this whole number steps, a message for the one account has its place.
  const isWaiting = Math.floor(((number + 1) * waiting) / total) > Math.floor((number * waiting) / total);
  const dest = isWaiting ? account : `somebody-${scatter(number) % accounts}`;
  const sender = `sender-${number % senders}`;
  return { app, sender, toGroup: false, dest, type: 1, body, extra: "", clientId: `filled-${number}` };
}

const body = "x".repeat(bodyBytes);

async function fill(order: Order): Promise<void> {
  const log = createLog("warn", "text", (line) => process.stderr.write(line));
  // Nobody would miss these messages after a power cut.
  const store = await openSqliteStore({ path: order.path, retentionDays: 15, log, synchronous: "NORMAL" });
  const total = order.rows + order.waiting;
  let next = 0;
  const line = async (): Promise<void> => {
    while (next < total) {
      const from = next;
      next = Math.min(total, from + batchTalks);
      await store.append(Array.from({ length: next - from }, (_, index) => talkOf(order, from + index)));
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
