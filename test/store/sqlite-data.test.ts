// The suite of exports, imports and deletions, on SQLite.

import { flushMessagesDefault } from "../../src/store/sqlite/index/posting.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";
import { dataSuite } from "./data-suite.ts";
import { sqlitePlace } from "./sqlite-place.ts";

const freshPath = temporaryPaths("sqlite-data-");
dataSuite("SQLite store", async () => sqlitePlace(freshPath(), flushMessagesDefault));
dataSuite("SQLite store with small runs", async () => sqlitePlace(freshPath(), 3));
