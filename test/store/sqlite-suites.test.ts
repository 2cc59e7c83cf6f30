// The suites of every store engine, on SQLite.

import { flushMessagesDefault } from "../../src/store/sqlite/index/posting.ts";
import type { GroupPlace } from "./group-suite.ts";
import { idsAheadSuite, type AheadPlace } from "./ids-ahead-suite.ts";
import { apiKeySuite } from "./api-key-suite.ts";
import { hookSuite } from "./hook-suite.ts";
import { revocationSuite } from "./revocation-suite.ts";
import { sqlitePlace } from "./sqlite-place.ts";
import { storeSuite } from "./store-suite.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";

const freshPath = temporaryPaths("sqlite-suites-");
const placeWith = (flushMessages: number): AheadPlace & GroupPlace => sqlitePlace(freshPath(), flushMessages);
apiKeySuite("SQLite store", "sqlite:", async () => placeWith(flushMessagesDefault));
hookSuite("SQLite store", async () => placeWith(flushMessagesDefault));
revocationSuite("SQLite store", async () => placeWith(flushMessagesDefault));
storeSuite("SQLite store", async () => placeWith(flushMessagesDefault));
idsAheadSuite("SQLite store", async () => placeWith(3));
