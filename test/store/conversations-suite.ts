// The guarantees of src/store/conversations.ts as tests, for every engine: an engine's own test file gives a factory.

import { describe } from "bun:test";
import { changeTests } from "./change-tests.ts";
import { ConversationAsks } from "./conversation-asks.ts";
import { crossingTests } from "./crossing-tests.ts";
import { historyTests } from "./history-tests.ts";
import { linkTests } from "./link-tests.ts";
import { listTests } from "./list-tests.ts";
import { logTests } from "./log-tests.ts";
import { openForAll, type StorePlace } from "./opened-store.ts";
import { settingTests } from "./setting-tests.ts";

export function conversationsSuite(name: string, makePlace: () => Promise<StorePlace>): void {
  describe(`${name}, conversations`, () => {
    const asks = new ConversationAsks(openForAll(makePlace));
    linkTests(asks);
    changeTests(asks);
    crossingTests(asks);
    settingTests(asks);
    historyTests(asks);
    listTests(asks);
    logTests(asks);
  });
}
