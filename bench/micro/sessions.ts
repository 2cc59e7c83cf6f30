// Looking sessions up, as every talk does for its sender and its receiver, among three thousand accounts.

import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../../src/base/log.ts";
import { MemorySessions } from "../../src/session/memory-sessions.ts";
import type { Sessions } from "../../src/session/sessions.ts";
import { SessionReader } from "../../src/session/sqlite/session-reader.ts";
import { openSqliteSessions } from "../../src/session/sqlite/sqlite-sessions.ts";
import type { Topic } from "./case.ts";
import { app, gateway } from "./sample.ts";

const accounts = 3_000;
/** Puts that are committed together. */
const putsAtOnce = 1_000;

const nameOf = (index: number): string => `account-${index % accounts}`;

async function fill(sessions: Sessions): Promise<void> {
  for (let from = 0; from < accounts; from += putsAtOnce) {
    const puts = Array.from({ length: putsAtOnce }, (_, index) =>
      sessions.put(app, nameOf(from + index), {
        device: "",
        channelId: `${gateway}_${nameOf(from + index)}_1`,
        gateway,
        incarnation: "1",
      }),
    );
    await Promise.all(puts);
  }
}

export async function sessionsTopic(): Promise<Topic> {
  const folder = mkdtempSync(join(tmpdir(), "roost-micro-sessions-"));
  const path = join(folder, "sessions.db");
  const memory = new MemorySessions();
  const sqlite = await openSqliteSessions({ path, log: silentLog });
  await Promise.all([fill(memory), fill(sqlite)]);
  const db = new Database(path, { readonly: true });
  const reader = new SessionReader(db);
  let turn = 0;
  const pair = (): string[] => {
    turn++;
    return [nameOf(turn * 7919), nameOf(turn * 104_729)];
  };
  return {
    cases: [
      { name: "sessions/memory, two accounts", run: () => memory.locate(app, pair()) },
      {
        name: "sessions/SQLite, two accounts known, behind a fence made before",
        run: () => sqlite.locate(app, pair()),
      },
      {
        name: "sessions/SQLite, two accounts known, a fence for each look-up",
        run: async () => {
          const found = await sqlite.locate(app, pair());
          // The fence falls in a microtask.
          await Promise.resolve();
          return found;
        },
      },
      { name: "sessions/SQLite, two accounts read from the file", run: () => reader.locate(app, pair()) },
    ],
    close: async () => {
      db.close();
      await sqlite.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
