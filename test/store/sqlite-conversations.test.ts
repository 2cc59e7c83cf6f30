// The suite of conversations, on SQLite, with everything in the memtable; sqlite-suites.slow.test.ts has runs.

import { flushMessagesDefault } from "../../src/store/sqlite/index/posting.ts";
import { conversationsSuite } from "./conversations-suite.ts";
import { sqlitePlace } from "./sqlite-place.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";

const freshPath = temporaryPaths("sqlite-conversations-");
conversationsSuite("SQLite store", async () => sqlitePlace(freshPath(), flushMessagesDefault));
