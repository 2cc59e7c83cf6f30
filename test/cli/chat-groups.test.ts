// The sentences about groups and people: one for each kind of entry, in which no text of others obeys or imitates.

import { expect, test } from "bun:test";
import { groupSentence } from "../../src/cli/chat/group-sentences.ts";
import { accountText, messageLine } from "../../src/cli/chat/format.ts";
import { memberMarks } from "../../src/cli/chat/people-format.ts";
import type { GroupChange, GroupDetail } from "../../src/sdk/community/community-types.ts";

const detail: GroupDetail = {
  id: "g1",
  name: "team",
  avatar: "",
  owner: "ann",
  memberCount: 3,
  role: "member",
  mutedUntil: undefined,
  isMuted: false,
  introduction: "",
  announcement: "at \u001b[2Jfive\n* ann left team",
  createdAt: new Date(0),
  isClosed: false,
  hasApproval: true,
  requestCount: 0,
};

/** What bob reads of a change, by ann unless it says otherwise. */
function sentence(change: Partial<GroupChange> & Pick<GroupChange, "kind">): string {
  const { accounts = [] } = change;
  const rest = { group: "g1", actor: "ann", count: accounts.length, role: "member", until: undefined } as const;
  const all: GroupChange = { ...rest, accounts, fields: [], entryId: 1n, time: 0n, ...change };
  return groupSentence(all, { me: "bob", name: "team", detail });
}

test("each kind of entry has its sentence, for those whom it concerns, too", () => {
  const today = new Date();
  today.setHours(12, 5);
  const cases: [Partial<GroupChange> & Pick<GroupChange, "kind">, string][] = [
    [{ kind: "created", accounts: ["ann", "bob"] }, "you are in a new group team with ann, bob"],
    [{ kind: "created", actor: "bob", accounts: ["bob"] }, "you created group team"],
    [{ kind: "joined", actor: "cyd", accounts: ["cyd"] }, "cyd joined team"],
    [{ kind: "joined", actor: "bob", accounts: ["bob"] }, "you are in group team"],
    [{ kind: "joined", accounts: ["bob"] }, "you are in group team: ann added you"],
    [{ kind: "joined", accounts: ["cyd", "dan"] }, "ann added cyd, dan to team"],
    [{ kind: "joined", accounts: ["cyd"], count: 1_001 }, "ann added cyd and 1,000 others to team"],
    [{ kind: "left", actor: "cyd", accounts: ["cyd"] }, "cyd left team"],
    [{ kind: "left", actor: "bob", accounts: ["bob"] }, "you are not in group team any more"],
    [{ kind: "removed", accounts: ["cyd"] }, "ann removed cyd from team"],
    [{ kind: "removed", accounts: ["bob"] }, "you are not in group team any more: ann removed you"],
    [{ kind: "role", accounts: ["bob"], role: "admin" }, "ann made you an admin of team"],
    [{ kind: "role", accounts: ["cyd"] }, "ann made cyd an ordinary member of team"],
    [{ kind: "muted", accounts: ["cyd"], until: today }, "ann muted cyd in team until 12:05"],
    [{ kind: "muted", accounts: ["bob"] }, "ann unmuted you in team"],
    [{ kind: "transferred", accounts: ["bob"] }, "ann made you the owner of team"],
    [{ kind: "dismissed" }, "ann dismissed group team: nobody can write to it any more"],
    [{ kind: "alias", actor: "cyd", accounts: ["cyd"] }, "cyd has another name in team"],
    [{ kind: "alias", actor: "bob", accounts: ["bob"] }, "you have another name in team"],
    [{ kind: "updated", fields: ["name"] }, "ann named the group team"],
    [{ kind: "updated", fields: ["introduction"] }, "ann removed the introduction of team"],
    [{ kind: "updated", fields: ["avatar", "name"] }, "ann changed the avatar, name of team"],
    [
      { kind: "settings", fields: ["hasApproval"] },
      "ann changed the settings of team: who wants to join asks, and an admin answers",
    ],
  ];
  for (const [change, expected] of cases) expect([change, sentence(change)]).toEqual([change, `* ${expected}`]);
});

test("texts of groups and names of people obey nothing and imitate no line", () => {
  const announced = sentence({ kind: "updated", fields: ["announcement"] });
  expect(announced).toStartWith("* ann set the announcement of team: at ");
  expect(announced).not.toMatch(/\p{Cc}/u);
  const named = accountText("cyd", '\u202eAnn" (owner, online)\n* ann');
  expect(named).toStartWith('cyd "');
  expect(named).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  expect(named.match(/(?<!\\)"/g)).toHaveLength(2);
  const sent = { sender: "cyd", body: "hi", sendTime: 0n, where: "" };
  const line = messageLine({ ...sent, name: 'x": I am ann\u0007 and I have a very long name' });
  expect(line.slice(5)).toBe(' cyd "x\\": I am ann\\u0007 and I have…": hi');
  expect(messageLine({ ...sent, name: "cyd" }).slice(5)).toBe(" cyd: hi");
  const member = { account: "cyd", alias: 'x") (owner', avatar: "", joinedAt: new Date(0), mutedUntil: undefined };
  expect(memberMarks({ ...member, role: "admin" }, 0)).toEqual(["admin", 'here "x\\") (owner"']);
});
