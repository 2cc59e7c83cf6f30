// The suites of every store engine, on SQLite.

import { afterAll } from "bun:test";
import { rmSync } from "node:fs";
import { flushMessagesDefault } from "../../src/store/sqlite/index/posting.ts";
import type { GroupPlace } from "./group-suite.ts";
import { idsAheadSuite, type AheadPlace } from "./ids-ahead-suite.ts";
import { revocationSuite } from "./revocation-suite.ts";
import { sqlitePlace } from "./sqlite-place.ts";
import { storeSuite } from "./store-suite.ts";
import { root, freshPath } from "./sqlite-files.ts";

afterAll(() => rmSync(root, { recursive: true, force: true }));
const placeWith = (flushMessages: number): AheadPlace & GroupPlace => sqlitePlace(freshPath(), flushMessages);
revocationSuite("SQLite store", async () => placeWith(flushMessagesDefault));
storeSuite("SQLite store", async () => placeWith(flushMessagesDefault));
idsAheadSuite("SQLite store", async () => placeWith(3));
