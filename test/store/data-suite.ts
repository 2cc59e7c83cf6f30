// Exports, imports and deletions as tests for every engine: an engine's own test file gives a factory.

import { describe } from "bun:test";
import { ConversationAsks } from "./conversation-asks.ts";
import { deletionTests } from "./deletion-tests.ts";
import { erasedRetryTests } from "./erased-retry-tests.ts";
import { exportGrowthTests } from "./export-growth-tests.ts";
import { exportImportTests } from "./export-import-tests.ts";
import { exportNamesTests } from "./export-names-tests.ts";
import { exportTailTests } from "./export-tail-tests.ts";
import { retentionTests } from "./retention-tests.ts";
import { roundTripTests } from "./round-trip-tests.ts";
import { openForAll, type StorePlace } from "./opened-store.ts";

export function dataSuite(name: string, makePlace: () => Promise<StorePlace>): void {
  describe(`${name}, data as a whole`, () => {
    const asks = new ConversationAsks(openForAll(makePlace));
    exportGrowthTests(asks);
    exportImportTests(asks);
    exportNamesTests(asks);
    exportTailTests(asks);
    deletionTests(asks);
    erasedRetryTests(asks);
    retentionTests(asks);
    roundTripTests(asks);
  });
}
