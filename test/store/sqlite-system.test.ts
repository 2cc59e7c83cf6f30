// The suite of the system, on SQLite.

import { flushMessagesDefault } from "../../src/store/sqlite/index/posting.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";
import { sqlitePlace } from "./sqlite-place.ts";
import { systemSuite } from "./system-suite.ts";

const freshPath = temporaryPaths("sqlite-system-");
systemSuite("SQLite store", async () => sqlitePlace(freshPath(), flushMessagesDefault));
