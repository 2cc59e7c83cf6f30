// The process that fills a store before servers open it, through the store's own interface: no clients, no links. Its
// argument is an Order as JSON; it tells by IPC what share is done.

import { closeSync, fsyncSync, openSync } from "node:fs";
import { createLog } from "../../src/base/log.ts";
import { openPostgresStore } from "../../src/store/postgres/open-postgres-store.ts";
import { indexPathOf } from "../../src/store/sqlite/index/index-file.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { Store } from "../../src/store/store.ts";
import { inBatches } from "../generator/in-batches.ts";
import { FilledTalks, type Order } from "./filled-talks.ts";
import { groupId, groupSenders, type Person, senderName } from "./population.ts";

/** Talks of one call, and calls in flight: the store is never without work. */
const batchTalks = 256;
const callsInFlight = 8;

function open({ store }: Order): Promise<Store> {
  const log = createLog("warn", "text", (line) => process.stderr.write(line));
  const shared = { retentionDays: 15, log };
  if (store.includes("://")) return openPostgresStore({ ...shared, url: store });
  // Nobody would miss these messages after a power cut.
  return openSqliteStore({ ...shared, path: store, synchronous: "NORMAL" });
}

async function makeGroups(store: Store, app: string, { account, groups = 0 }: Person): Promise<void> {
  const senders = Array.from({ length: groupSenders }, (_, index) => senderName(index));
  const [owner = "", ...rest] = senders;
  await inBatches(groups, callsInFlight, async (number) => {
    const texts = { name: `group ${number}`, avatar: "", introduction: "" };
    const draft = { app, id: groupId(account, number), ...texts, owner, members: [account, ...rest], closed: false };
    const { result } = await store.createGroup(draft);
    if (result !== "created") throw new Error(`group ${number} of ${account} is ${result}`);
  });
}

async function fill(order: Order): Promise<void> {
  const { app, people } = order;
  const store = await open(order);
  for (const person of people) await makeGroups(store, app, person);
  const filled = new FilledTalks(order);
  const { total } = filled;
  let next = 0;
  // Calls commit in their order, so messages have their ids in the order of their numbers.
  const line = async (): Promise<void> => {
    while (next < total) {
      const from = next;
      next = Math.min(total, from + batchTalks);
      const batch = Array.from({ length: next - from }, (_, index) => filled.talk(from + index));
      const outcomes = await store.append(batch.map(({ talk }) => talk));
      for (const [index, outcome] of outcomes.entries()) {
        if (outcome.result !== "stored") throw new Error(`message ${from + index} is ${outcome.result}`);
        const { placed } = batch[index] ?? {};
        if (placed?.isReadTo !== true) continue;
        const { person, toGroup, partner } = placed;
        const name = { app, account: person.account, toGroup, dest: partner };
        const { result } = await store.markRead({ ...name, messageId: outcome.messageId });
        if (result !== "moved") throw new Error(`the cursor at message ${from + index} is ${result}`);
      }
      process.send?.(next / total);
    }
  };
  await Promise.all(Array.from({ length: callsInFlight }, line));
  await store.close();
  if (!order.store.includes("://")) writeOut(order.store);
}

/** Has the kernel write a store's files to the disk now, instead of beside what is measured on them. */
function writeOut(path: string): void {
  for (const file of [path, indexPathOf(path)]) {
    const descriptor = openSync(file, "r");
    fsyncSync(descriptor);
    closeSync(descriptor);
  }
}

if (import.meta.main) {
  const order: Order = JSON.parse(process.argv[2] ?? "");
  await fill(order);
  process.exit(0);
}
