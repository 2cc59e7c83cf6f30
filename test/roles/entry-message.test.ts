// Entries of the log on the wire.

import { expect, test } from "bun:test";
import { create, toJson } from "@bufbuild/protobuf";
import { entryFields } from "../../src/roles/chat/entry-message.ts";
import { entryKind, type GroupEntryDetail } from "../../src/store/conversations.ts";
import { EntryKind, EventPushSchema } from "../../src/wire/gen/pkt_pb.ts";

const said = (kind: number, more: { reaction?: string; isOff?: boolean; detail?: GroupEntryDetail } = {}) =>
  toJson(EventPushSchema, create(EventPushSchema, entryFields({ kind, reaction: "", isOff: false, ...more })));
const whom = { accounts: ["ann", "bob"], count: 300 };

test("the store's kinds are the protocol's", () => {
  expect(new Set<number>(Object.values(entryKind))).toEqual(new Set<number>(Object.values(EntryKind)));
});

test("edits and recalls have no detail, reactions and pins say whether they were taken back", () => {
  expect(said(entryKind.edited)).toEqual({ kind: "EntryEdited" });
  expect(said(entryKind.recalled)).toEqual({ kind: "EntryRecalled" });
  expect(said(entryKind.reacted, { reaction: "+1" })).toEqual({ kind: "EntryReacted", detail: { reaction: "+1" } });
  expect(said(entryKind.pinned, { isOff: true })).toEqual({ kind: "EntryGroupPinned", detail: { off: true } });
});

test("changes of groups say whom they concern, and what they changed", () => {
  expect(said(entryKind.groupJoined, { detail: whom })).toEqual({ kind: "EntryGroupJoined", detail: whom });
  expect(said(entryKind.groupRole, { detail: { ...whom, role: "admin" } })).toEqual({
    kind: "EntryGroupRole",
    detail: { ...whom, role: "GroupRoleAdmin" },
  });
  expect(said(entryKind.groupMuted, { detail: { ...whom, until: 1_700_000_000n } })).toEqual({
    kind: "EntryGroupMuted",
    detail: { ...whom, until: "1700000000" },
  });
  const updated = { accounts: [], count: 0, fields: [0, 3, 6] };
  expect(said(entryKind.groupUpdated, { detail: updated })).toEqual({
    kind: "EntryGroupUpdated",
    detail: { fields: ["GroupFieldName", "GroupFieldAnnouncement", "GroupFieldMuted"] },
  });
  expect(said(entryKind.groupDismissed)).toEqual({ kind: "EntryGroupDismissed" });
});

test("a field or a kind that the protocol does not have is a bug", () => {
  expect(() => said(99)).toThrow();
  expect(() => said(entryKind.groupUpdated, { detail: { accounts: [], count: 0, fields: [99] } })).toThrow();
});
