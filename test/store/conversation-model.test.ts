// Random commands on conversations, compared with a model after each: on SQLite with small runs and on PostgreSQL. The
// long run is scripts/fuzz conversations.

import { afterAll, beforeAll, describe, test } from "bun:test";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { testSeed } from "../support/random.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";
import { fuzzConversations } from "../fuzz/conversations-fuzz.ts";
import type { StorePlace } from "./opened-store.ts";
import { postgresPlace } from "./postgres-place.ts";
import { postgresForAll } from "./postgres-setup.ts";
import { sqlitePlace } from "./sqlite-place.ts";

const freshPath = temporaryPaths("conversation-model-");

function modelTests(name: string, makePlace: () => Promise<StorePlace>): void {
  describe(name, () => {
    let place: StorePlace;
    beforeAll(async () => {
      place = await makePlace();
    });
    afterAll(() => place.remove());
    test("random commands of ten accounts are answered as the model says", async () => {
      await fuzzConversations(place, { seed: testSeed(name) | 0, runs: 6, commands: 120, seconds: 60 });
    }, 120_000);
  });
}

modelTests("conversations on SQLite", async () => sqlitePlace(freshPath(), 3));
describe.skipIf(!hasPostgres)("PostgreSQL", () => {
  const server = postgresForAll();
  modelTests("conversations on PostgreSQL", () => postgresPlace(server()));
});
