// Lookups of conversations in the index of a log of 200,000 messages: in 24 flushed runs, of which most are merged, and
// in the memtable.

import type { Database } from "bun:sqlite";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { openConnection } from "../../src/store/sqlite/connection.ts";
import { indexPathOf } from "../../src/store/sqlite/index/index-file.ts";
import { IndexKeeper } from "../../src/store/sqlite/index/index-keeper.ts";
import { LogIndex } from "../../src/store/sqlite/index/log-index.ts";
import { readerLists } from "../../src/store/sqlite/index/posting.ts";
import { migrate } from "../../src/store/sqlite/schema.ts";
import { idMax } from "../../src/store/snowflake.ts";
import type { Topic } from "./case.ts";

const messages = 200_000;
const flushMessages = 8_192;
const accounts = 20_000;
/** An account with few partners, one with many, and a group. */
const [few, many, group] = [1, 2, 3n];
const fewPartners = 500;
const manyPartners = 5_000;
const firstPartner = 100;

/** A tenth of the messages is of the account with few partners, a tenth of the one with many, an eighth a group's. */
function fill(log: Database): void {
  const insert = log.prepare<null, [bigint, bigint, bigint]>(
    "INSERT INTO message (id, inbox, sender, type, body, extra, sent_ns) VALUES (?, ?, ?, 1, '', '', 0)",
  );
  log.run("BEGIN");
  for (let i = 1; i <= messages; i++) {
    const anybody = 10_000 + ((i * 7_919) % accounts);
    const [one, other] =
      i % 10 === 0
        ? [few, firstPartner + ((i / 10) % fewPartners)]
        : i % 5 === 0
          ? [many, firstPartner + (Math.floor(i / 5) % manyPartners)]
          : [anybody, 10_000 + ((anybody + (i % 7) * 104_729) % accounts)];
    const [sender, receiver] = i % 3 === 0 ? [one, other] : [other, one];
    insert.run(BigInt(i) << 20n, i % 8 === 1 ? -group : BigInt(receiver), BigInt(sender));
  }
  log.run("UPDATE sequence SET last_id = ?", [BigInt(messages) << 20n]);
  log.run("COMMIT");
}

export function conversationsTopic(): Topic {
  const folder = mkdtempSync(join(tmpdir(), "roost-micro-conversations-"));
  const path = join(folder, "messages.db");
  writeFileSync(path, "");
  const log = openConnection({ path, synchronous: "OFF", cacheKib: 8_192 });
  migrate(log, path);
  fill(log);
  const keeper = new IndexKeeper(log, { path: indexPathOf(path), holder: "bench", flushMessages }, systemClock);
  while (keeper.compact());
  keeper.close();
  const index = new LogIndex(log, indexPathOf(path), readerLists);
  index.begin();
  index.follow();
  let turn = 0;
  const partnerOf = (partners: number): number => firstPartner + ((turn++ * 7_919) % partners);
  const takeOf = (ids: Iterator<bigint>, count: number): number => Array.from(Iterator.from(ids).take(count)).length;
  return {
    cases: [
      { name: `conversations/the ${fewPartners} partners of an account`, run: () => index.partners(few).size },
      { name: `conversations/the ${manyPartners} partners of an account`, run: () => index.partners(many).size },
      {
        name: "conversations/unread messages of a partner, at most 1,000",
        run: () => index.countPair(partnerOf(fewPartners), few, 0n, 1_000),
      },
      {
        name: "conversations/unread messages of a stranger",
        run: () => index.countPair(partnerOf(accounts), few, 0n, 1_000),
      },
      {
        name: "conversations/unread messages of a group, at most 1,000",
        run: () => index.countReceived(-group, few, 0n, idMax, 1_000),
      },
      {
        name: "conversations/the newest 50 messages of a partner",
        run: () => takeOf(index.pairNewestFirst(partnerOf(manyPartners), many, idMax), 50),
      },
      {
        name: "conversations/the newest 50 messages of a group",
        run: () => takeOf(index.receivedNewestFirst(-group, idMax), 50),
      },
    ],
    close: async () => {
      index.end();
      index.close();
      log.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
