// The suite of rights, on SQLite.

import { flushMessagesDefault } from "../../src/store/sqlite/index/posting.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";
import { rightsSuite } from "./rights-suite.ts";
import { sqlitePlace } from "./sqlite-place.ts";

const freshPath = temporaryPaths("sqlite-rights-");
rightsSuite("SQLite store", async () => sqlitePlace(freshPath(), flushMessagesDefault));
