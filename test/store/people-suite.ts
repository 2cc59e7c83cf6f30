// The guarantees of src/store/groups.ts and people.ts as tests, for every engine that has them: an engine's own test
// file gives a factory.

import { describe } from "bun:test";
import { GroupAsks } from "./group-asks.ts";
import { groupChangesTests } from "./group-changes-tests.ts";
import { groupJoiningTests } from "./group-joining-tests.ts";
import { groupRacesTests } from "./group-races-tests.ts";
import { openForAll, type StorePlace } from "./opened-store.ts";
import { peopleTests } from "./people-tests.ts";

export function peopleSuite(name: string, makePlace: () => Promise<StorePlace>): void {
  describe(`${name}, groups`, () => groupChangesTests(new GroupAsks(openForAll(makePlace))));
  describe(`${name}, joining groups`, () => groupJoiningTests(new GroupAsks(openForAll(makePlace))));
  describe(`${name}, changes that cross`, () => groupRacesTests(new GroupAsks(openForAll(makePlace))));
  describe(`${name}, people`, () => peopleTests(new GroupAsks(openForAll(makePlace))));
}
