// The suite of groups and people, on SQLite.

import { flushMessagesDefault } from "../../src/store/sqlite/index/posting.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";
import { peopleSuite } from "./people-suite.ts";
import { sqlitePlace } from "./sqlite-place.ts";

const freshPath = temporaryPaths("sqlite-people-");
peopleSuite("SQLite store", async () => sqlitePlace(freshPath(), flushMessagesDefault));
