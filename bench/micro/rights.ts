// Who may do what: the table of rights in groups, and whom an account lets reach it, as the writer decides it for a
// talk.

import type { Database } from "bun:sqlite";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type GroupAction, type GroupFacts, rightInGroup } from "../../src/store/group-rights.ts";
import { openConnection } from "../../src/store/sqlite/connection.ts";
import { Guards } from "../../src/store/sqlite/people/guards.ts";
import { migrate } from "../../src/store/sqlite/schema.ts";
import type { Topic } from "./case.ts";

const facts: GroupFacts = {
  isLive: true,
  isClosed: false,
  hasApproval: false,
  isForAdmins: true,
  actor: "admin",
  isMuted: false,
  hasLeft: false,
  target: "member",
  isSelf: false,
  isWilling: true,
};
const actions: readonly GroupAction[] = ["talk", "add", "remove", "mute", "update", "pin", "role", "dismiss"];

/** Accounts below it block ten others each; the next thousand lets only those write with whom it has talked. */
const blockers = 1_000n;
const unwilling = 1_000n;
const blockedEach = 10n;
const stranger = 1_000_000n;

function fill(db: Database): void {
  const block = db.prepare<null, [bigint, bigint, bigint]>(
    "INSERT INTO block (account, state, blocked, version) VALUES (?, 'on', ?, ?)",
  );
  const consent = db.prepare<null, [bigint, bigint]>(
    "INSERT INTO consent (account, version, write_rule, add_rule) VALUES (?, ?, 'conversations', 'everybody')",
  );
  db.run("BEGIN");
  for (let account = 0n; account < blockers; account++)
    for (let index = 0n; index < blockedEach; index++) block.run(account, stranger + 1n + index, account + 1n);
  for (let account = blockers; account < blockers + unwilling; account++) consent.run(account, account + 1n);
  db.run("COMMIT");
}

export function rightsTopic(): Topic {
  const folder = mkdtempSync(join(tmpdir(), "roost-micro-rights-"));
  const path = join(folder, "messages.db");
  writeFileSync(path, "");
  const db = openConnection({ path, synchronous: "OFF", cacheKib: 8_192 });
  migrate(db, path);
  fill(db);
  const guards = new Guards(db);
  guards.follow(blockers + unwilling);
  for (let account = blockers; account < blockers + unwilling; account++)
    guards.mayReach(stranger, account, "write", true);
  let turn = 0n;
  const next = (): bigint => turn++ % blockers;
  return {
    cases: [
      {
        name: `rights/${actions.length} actions of an admin in a group`,
        run: () => actions.map((action) => rightInGroup(action, facts)).length,
      },
      {
        name: "rights/may a talk reach an account that lets everybody",
        run: () => guards.mayReach(stranger, blockers + unwilling + next(), "write", undefined),
      },
      {
        name: "rights/may a talk reach an account that blocks others",
        run: () => guards.mayReach(stranger, next(), "write", undefined),
      },
      {
        name: "rights/may a talk reach an account that lets only its partners",
        run: () => guards.mayReach(stranger, blockers + next(), "write", undefined),
      },
    ],
    close: () => {
      db.close();
      rmSync(folder, { recursive: true, force: true });
      return Promise.resolve();
    },
  };
}
