// A process for tests: creates groups of argv[3] members in the store at argv[2] (a file, or a URL of PostgreSQL), one
// after the other, and prints the id of each that was created, until it is killed.

import { silentLog } from "../../src/base/log.ts";
import { openPostgresStore } from "../../src/store/postgres/open-postgres-store.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { draft } from "./samples.ts";

const [, , path = "", count = ""] = process.argv;
const shared = { retentionDays: 15, log: silentLog };
const store = path.startsWith("postgres://")
  ? await openPostgresStore({ ...shared, url: path })
  : await openSqliteStore({ ...shared, path });
const members = Array.from({ length: Number(count) }, (_, i) => `m${i}`);
for (let i = 0; ; i++) {
  await store.createGroup(draft({ id: `g${i}`, owner: `owner${i}`, members }));
  process.stdout.write(`g${i}\n`);
}
