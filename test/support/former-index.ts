// For tests: makes the index of a store one of schema 2, which has neither second words of the list `received` nor the
// lists of pairs and peers, under the name that this schema has.

import { Database } from "bun:sqlite";
import { formerPathOf } from "../../src/store/sqlite/index/former-index.ts";
import { removeIndex } from "../../src/store/sqlite/index/index-file.ts";
import { lists } from "../../src/store/sqlite/index/posting.ts";
import { blocksPerRun, runChecksums } from "../../src/store/sqlite/index/run-block.ts";

interface RunRow {
  readonly number: bigint;
  readonly level: bigint;
  readonly last_id: bigint;
  readonly messages: bigint;
  readonly fences_received: Uint8Array;
  readonly fences_sent: Uint8Array;
  readonly fences_keyed: Uint8Array;
  readonly filter_received: Uint8Array;
  readonly filter_keyed: Uint8Array;
}

const schema = `
  CREATE TABLE run (
    number INTEGER PRIMARY KEY,
    level INTEGER NOT NULL,
    last_id INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    fences_received BLOB NOT NULL,
    fences_sent BLOB NOT NULL,
    fences_keyed BLOB NOT NULL,
    filter_received BLOB NOT NULL,
    filter_keyed BLOB NOT NULL,
    crcs BLOB NOT NULL
  );
  CREATE TABLE block (number INTEGER PRIMARY KEY, postings BLOB NOT NULL, crc INTEGER NOT NULL);`;

/** No process uses the index; it may not have been closed. */
export function toFormerIndex(indexPath: string): void {
  const index = new Database(indexPath, { safeIntegers: true });
  const runs = index.query<RunRow, []>("SELECT * FROM run").all();
  const blocks = index.query<{ number: bigint; postings: Uint8Array }, []>("SELECT number, postings FROM block").all();
  index.run("DROP TABLE run");
  index.run("DROP TABLE block");
  index.run(schema);
  for (const { number, level, last_id, messages, filter_received, filter_keyed, ...fences } of runs) {
    const narrow = [withoutSeconds(fences.fences_received), fences.fences_sent, fences.fences_keyed];
    const blobs = [...narrow, filter_received, filter_keyed];
    const crcs = runChecksums(Number(level), last_id, Number(messages), blobs);
    index.run("INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [
      ...[number, level, last_id, messages],
      ...[...blobs, crcs],
    ]);
  }
  for (const { number, postings } of blocks) {
    const [run, place] = [Math.floor(Number(number) / blocksPerRun), Number(number) % blocksPerRun];
    const list = Math.floor(place / 2 ** 20);
    if (list > lists.keyed) continue;
    const bytes = list === lists.received ? withoutSeconds(postings) : postings;
    index.run("INSERT INTO block VALUES (?, ?, ?)", [run * 2 ** 22 + place, bytes, Bun.hash.crc32(bytes)]);
  }
  index.run("ALTER TABLE state DROP COLUMN stage");
  index.run("PRAGMA user_version = 2");
  index.run("VACUUM INTO ?", [formerPathOf(indexPath)]);
  index.close();
  removeIndex(indexPath);
}

function withoutSeconds(postings: Uint8Array): Uint8Array {
  return postings.slice(0, (postings.length / 16) * 12);
}
