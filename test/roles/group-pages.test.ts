// chat.group.detail and chat.group.members: pages for connections with the feature that ask for them, and for all
// others the answer of the first version of the protocol, byte for byte.

import { expect, test } from "bun:test";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Command } from "../../src/wire/commands.ts";
import { GroupGetReqSchema, GroupGetRespSchema, GroupRole, Status } from "../../src/wire/gen/pkt_pb.ts";
import { app } from "../support/chat-link.ts";
import { sentenceOf } from "../support/wire-client.ts";
import { alice, old } from "./conversation-stage.ts";
import { groupStage } from "./group-stage.ts";

/** A stage whose store has a group as the first version of the protocol shows it. */
function pagedStage() {
  const stage = groupStage();
  const { store, asked } = stage;
  const member = { alias: "", avatar: "", joinTime: 4n };
  store.groupDetail = (...query) => {
    asked.push(query);
    const members = ["alice", "bob", "carol"].map((account) => ({ ...member, account }));
    const texts = { id: "g", name: "a group", avatar: "a", introduction: "i", owner: "alice" };
    return Promise.resolve({ result: "found", detail: { ...texts, createdAt: 1n, closed: true, members } });
  };
  const get = (by: readonly [string, string], init: MessageInitShape<typeof GroupGetReqSchema>, detail = false) =>
    stage.request(by, detail ? Command.GroupDetail : Command.GroupMembers, GroupGetReqSchema, {
      groupId: "g",
      ...init,
    });
  return { ...stage, get };
}

/** The answer as it was before there were pages: fields 1 to 8. */
const former =
  "0a0167" + // id
  "12076120" + // name
  "67726f7570" +
  "1a0161" + // avatar
  "220169" + // introduction
  "2a05616c696365" + // owner
  "32090a05616c6963652004" + // members
  "32070a03626f622004" +
  "32090a056361726f6c2004" +
  "3801" + // created_at
  "4001"; // closed

test("without pages the answer is the former one, byte for byte", async () => {
  const { get, asked } = pagedStage();
  for (const by of [alice, old]) {
    for (const detail of [true, false])
      expect(Buffer.from((await get(by, {}, detail)).body).toString("hex")).toBe(former);
  }
  // Without the feature there are no pages.
  const init = { after: "alice", limit: 1, withoutMembers: true, adminsOnly: true };
  expect(Buffer.from((await get(old, init)).body).toString("hex")).toBe(former);
  expect(asked).toEqual(Array.from({ length: 5 }, () => [app, "g", "alice"]));
});

test("a page has the group, the asker's own role, and members with theirs", async () => {
  const { get } = pagedStage();
  const answer = await get(alice, { limit: 2 });
  const expected = create(GroupGetRespSchema, {
    id: "g",
    name: "a group",
    avatar: "a",
    introduction: "i",
    owner: "alice",
    members: ["alice", "bob"].map((account) => ({
      account,
      alias: `the ${account}`,
      joinTime: 4n,
      role: GroupRole.GroupRoleMember,
      mutedUntil: 5n,
    })),
    createdAt: 1n,
    closed: true,
    announcement: "n",
    approval: true,
    muted: true,
    memberCount: 3,
    hasMore: true,
    role: GroupRole.GroupRoleOwner,
    requestCount: 2,
  });
  expect(Buffer.from(answer.body)).toEqual(Buffer.from(toBinary(GroupGetRespSchema, expected)));
});

test("each field that asks for a page is passed on", async () => {
  const { get, asked } = pagedStage();
  const pages = [
    { limit: 200 },
    { after: "bob" },
    { adminsOnly: true },
    { adminsOnly: true, limit: 3 },
    { withoutMembers: true },
    { withoutMembers: true, limit: 7 },
  ];
  for (const page of pages) expect((await get(alice, page, true)).status).toBe(Status.Success);
  const query = { app, group: "g", asker: "alice", after: "", isAdminsOnly: false };
  expect(asked).toEqual([
    { ...query, limit: 200 },
    { ...query, after: "bob", limit: 50 },
    { ...query, isAdminsOnly: true, limit: 200 },
    { ...query, isAdminsOnly: true, limit: 3 },
    { ...query, limit: 0 },
    { ...query, limit: 0 },
  ]);
  const alone = await get(alice, { withoutMembers: true });
  expect(fromBinary(GroupGetRespSchema, alone.body)).toMatchObject({ members: [], memberCount: 3, requestCount: 2 });
});

test("pages are for members, and have at most 200 of them", async () => {
  const { get, answers, asked } = pagedStage();
  for (const init of [{ limit: 201 }, { limit: -1 }, { after: "a,b" }, { groupId: "", limit: 1 }])
    expect((await get(alice, init)).status).toBe(Status.InvalidPacketBody);
  expect(asked).toEqual([]);
  answers.isMember = false;
  const answer = await get(alice, { limit: 1 });
  expect([answer.status, sentenceOf(answer)]).toEqual([Status.Forbidden, "you are not a member of this group"]);
});
