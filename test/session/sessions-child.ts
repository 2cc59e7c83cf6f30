// A login service of its own process, for the tests of the SQLite file: signs accounts in and out, and prints each
// that stays. Arguments: the file, a name for what it signs in, how many.

import { silentLog } from "../../src/base/log.ts";
import { openSqliteSessions } from "../../src/session/sqlite/sqlite-sessions.ts";

const [path = "", name = "", count = "0"] = process.argv.slice(2);
const sessions = await openSqliteSessions({ path, log: silentLog });
for (let at = 0; at < Number(count); at++) {
  const place = { device: name, channelId: `${name}${at}`, gateway: name, incarnation: "i" };
  await sessions.put("app", "shared", place);
  await sessions.put("app", `${name}${at}`, place);
  if (at % 2 === 1) await sessions.remove("app", `${name}${at}`, place.channelId);
  else process.stdout.write(`${name}${at}\n`);
}
await sessions.close();
