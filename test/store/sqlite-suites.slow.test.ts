// Groups in the store in a file; and the suites of the store, of conversations, and of groups and people with runs of
// three messages, so that all of it is merged many times.

import { flushMessagesDefault } from "../../src/store/sqlite/index/posting.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";
import { conversationsSuite } from "./conversations-suite.ts";
import { groupSuite } from "./group-suite.ts";
import { peopleSuite } from "./people-suite.ts";
import { sqlitePlace } from "./sqlite-place.ts";
import { storeSuite } from "./store-suite.ts";

const freshPath = temporaryPaths("sqlite-suites-");

groupSuite("SQLite store", async () => sqlitePlace(freshPath(), flushMessagesDefault));
storeSuite("SQLite store whose runs are of three messages", async () => sqlitePlace(freshPath(), 3));
conversationsSuite("SQLite store whose runs are of three messages", async () => sqlitePlace(freshPath(), 3));
peopleSuite("SQLite store whose runs are of three messages", async () => sqlitePlace(freshPath(), 3));
