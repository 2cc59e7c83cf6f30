// kill -9 in the middle of random commands on conversations, on both engines; and of PostgreSQL itself.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { hasPostgres, PostgresServer } from "../../scripts/harness/postgres.ts";
import { Random, testSeed } from "../support/random.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";
import { type KillsFigures, runWithKills } from "./conversation-kills.ts";
import { allCommands, type Command } from "./conversation-run.ts";
import { postgresPlace } from "./postgres-place.ts";
import { sqlitePlace } from "./sqlite-place.ts";

const freshPath = temporaryPaths("conversation-kills-");

/** Commands by their weights, from a seed. */
function commandsFrom(seed: number): () => Command {
  const drawn = fc.sample(allCommands, { seed: seed | 0, numRuns: 5_000 });
  let next = 0;
  return () => drawn[next++ % drawn.length] ?? { kind: "talk", seed: 0 };
}

function expectKills(figures: KillsFigures, kills: number): void {
  console.log(JSON.stringify(figures));
  expect(figures.kills).toBe(kills);
  expect(figures.unanswered).toBeGreaterThan(0);
}

test("SQLite: what was answered is there after kill -9, what was not is there wholly or not at all", async () => {
  const seed = testSeed("kills of SQLite");
  const place = sqlitePlace(freshPath(), 20);
  const figures = await runWithKills({
    place,
    random: new Random(seed),
    kills: 12,
    commandsMax: 60,
    commandOf: commandsFrom(seed),
  });
  expectKills(figures, 12);
  await place.remove();
}, 180_000);

describe.skipIf(!hasPostgres)("PostgreSQL", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start({ isDurable: true });
  }, 180_000);
  afterAll(() => server.stop());

  test("what was answered is there after kill -9, what was not is there wholly or not at all", async () => {
    const seed = testSeed("kills of PostgreSQL");
    const figures = await runWithKills({
      place: await postgresPlace(server),
      random: new Random(seed),
      kills: 8,
      commandsMax: 60,
      commandOf: commandsFrom(seed),
      endStore: async () => {
        await server.kill();
        await server.run();
      },
    });
    expectKills(figures, 8);
  }, 240_000);
});
