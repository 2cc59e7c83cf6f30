// What the parts of the writer that change groups share.

import type { Database } from "bun:sqlite";
import { AppClips } from "../bulk/app-clips.ts";
import type { EntryIds } from "../conversations/entry-ids.ts";
import type { Names } from "../names.ts";
import { Guards } from "../people/guards.ts";
import { GroupEntries } from "./group-entries.ts";
import { GroupRows } from "./group-rows.ts";
import { type GroupBounds, Membership } from "./membership.ts";

export interface GroupParts {
  readonly db: Database;
  readonly names: Names;
  readonly rows: GroupRows;
  readonly entries: GroupEntries;
  readonly membership: Membership;
  readonly guards: Guards;
  readonly clips: AppClips;
  readonly bounds: GroupBounds;
}

export function groupParts(db: Database, names: Names, entryIds: EntryIds, bounds: GroupBounds): GroupParts {
  const entries = new GroupEntries(db, entryIds);
  return {
    db,
    names,
    rows: new GroupRows(db, names),
    entries,
    membership: new Membership(db, entries, bounds),
    guards: new Guards(db),
    clips: new AppClips(db),
    bounds,
  };
}
