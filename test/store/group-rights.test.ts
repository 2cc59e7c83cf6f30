// The table of rights in groups: every action of everybody in every state, as proto/README.md says it.

import { describe, expect, test } from "bun:test";
import {
  consents,
  type GroupAction,
  type GroupFacts,
  type GroupRight,
  mayReach,
  mayWatch,
  rightInGroup,
  type Standing,
  standings,
} from "../../src/store/group-rights.ts";

/** An open group, a stranger, and another stranger who is willing. */
const plain: GroupFacts = {
  isLive: true,
  isClosed: false,
  hasApproval: false,
  isForAdmins: false,
  actor: "stranger",
  isMuted: false,
  hasLeft: false,
  target: "stranger",
  isSelf: false,
  isWilling: true,
};

/** Who acts. A removed account is one that has left. */
const columns: readonly Partial<GroupFacts>[] = [
  { actor: "owner" },
  { actor: "admin" },
  { actor: "member" },
  { actor: "admin", isMuted: true },
  { actor: "member", isMuted: true },
  { actor: "stranger", hasLeft: true },
  { actor: "stranger" },
];

const words: Readonly<Record<string, GroupRight>> = {
  yes: "allowed",
  same: "unchanged",
  no: "forbidden",
  gone: "notFound",
  ask: "approval",
  open: "noApproval",
  closed: "closed",
  muted: "muted",
  admins: "forAdmins",
  stranger: "noMember",
  unwilling: "unwilling",
};

function verdict(word: string): GroupRight {
  const right = words[word];
  if (right === undefined) throw new Error(`no verdict is written ${word}`);
  return right;
}

/** A line for each: the action, and the verdict for each column. */
function rows(table: string): (readonly [GroupAction, readonly GroupRight[]])[] {
  return table
    .trim()
    .split("\n")
    .map((line) => {
      const [action = "", ...cells] = line.trim().split(/\s+/);
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a test compares them with the list of actions
      return [action as GroupAction, cells.map(verdict)];
    });
}

const everyAction = `talk mentionAll see update pin invite seeRequests join joinInvited request quit add accept decline
  remove role transfer mute alias dismiss`.split(/\s+/);

function expectTable(table: string, facts: Partial<GroupFacts>): void {
  for (const [action, expected] of rows(table)) {
    const found = columns.map((column) => rightInGroup(action, { ...plain, ...column, ...facts }));
    expect([action, ...found]).toEqual([action, ...expected]);
  }
}

describe("in a group, concerning a stranger", () => {
  const table = `
    //           owner     admin     member    mutedAdmin mutedMember left      stranger
    talk         yes       yes       yes       muted      muted       no        no
    mentionAll   yes       yes       no        yes        no          no        no
    see          yes       yes       yes       yes        yes         no        no
    update       yes       yes       no        yes        no          no        no
    pin          yes       yes       no        yes        no          no        no
    invite       yes       yes       no        yes        no          no        no
    seeRequests  yes       yes       no        yes        no          no        no
    join         same      same      same      same       same        yes       yes
    joinInvited  same      same      same      same       same        yes       yes
    request      same      same      same      same       same        open      open
    quit         yes       yes       yes       yes        yes         same      no
    add          yes       yes       no        yes        no          no        no
    accept       yes       yes       no        yes        no          no        no
    decline      yes       yes       no        yes        no          no        no
    remove       same      same      no        same       no          no        no
    role         stranger  no        no        no         no          no        no
    transfer     stranger  no        no        no         no          no        no
    mute         stranger  stranger  no        stranger   no          no        no
    alias        yes       yes       yes       yes        yes         no        no
    dismiss      yes       no        no        no         no          no        no
  `.replace(/^\s*\/\/.*$/m, "");

  test("each action is allowed to whom the protocol says", () => {
    expect(rows(table).map(([action]) => action as string)).toEqual(everyAction);
    expectTable(table, {});
  });
});

test("a closed group takes members by its admins and by invitations alone; one with approval by requests, too", () => {
  const closed = `
    join         same      same      same      same       same        closed    closed
    joinInvited  same      same      same      same       same        yes       yes
    request      same      same      same      same       same        closed    closed
    add          yes       yes       no        yes        no          no        no
  `;
  expectTable(closed, { isClosed: true });
  expectTable(closed, { isClosed: true, hasApproval: true });
  const approval = `
    join         same      same      same      same       same        ask       ask
    joinInvited  same      same      same      same       same        yes       yes
    request      same      same      same      same       same        yes       yes
    accept       yes       yes       no        yes        no          no        no
  `;
  expectTable(approval, { hasApproval: true });
});

test("where only admins talk, the owner and the admins do, unless they are muted", () => {
  expectTable("talk yes yes admins muted muted no no", { isForAdmins: true });
});

test("in a group that was dismissed nothing is allowed; leaving it again and dismissing it again are confirmed", () => {
  for (const [action] of rows(everyAction.join("\n"))) {
    const found = columns.map((column) => rightInGroup(action, { ...plain, ...column, isLive: false }));
    const expected = columns.map(({ actor, hasLeft }) =>
      (action === "dismiss" && actor === "owner") || (action === "quit" && hasLeft === true) ? "unchanged" : "notFound",
    );
    expect([action, ...found]).toEqual([action, ...expected]);
  }
});

describe("whom an action concerns", () => {
  /** The columns of the tables. */
  const targets = [
    { target: "owner" },
    { target: "admin" },
    { target: "member" },
    { target: "stranger" },
    { target: "member", isWilling: false },
    { target: "stranger", isWilling: false },
  ] as const satisfies readonly Partial<GroupFacts>[];
  const byTarget = (actor: Standing, action: GroupAction): string[] =>
    targets.map((target) => rightInGroup(action, { ...plain, actor, ...target }));
  const said = (line: string): string[] => line.split(" ").map(verdict);

  const tables = {
    //              owner admin member stranger unwillingMember unwillingStranger
    add: {
      owner: "same same same yes same unwilling",
      admin: "same same same yes same unwilling",
      member: "no no no no no no",
      stranger: "no no no no no no",
      system: "same same same yes same unwilling",
    },
    accept: {
      owner: "same same same yes same yes",
      admin: "same same same yes same yes",
      member: "no no no no no no",
      stranger: "no no no no no no",
      system: "same same same yes same yes",
    },
    remove: {
      owner: "no yes yes same yes same",
      admin: "no no yes same yes same",
      member: "no no no no no no",
      stranger: "no no no no no no",
      system: "no yes yes same yes same",
    },
    role: {
      owner: "no yes yes stranger yes stranger",
      admin: "no no no no no no",
      member: "no no no no no no",
      stranger: "no no no no no no",
      system: "no yes yes stranger yes stranger",
    },
    transfer: {
      owner: "same yes yes stranger unwilling stranger",
      admin: "same no no no no no",
      member: "same no no no no no",
      stranger: "no no no no no no",
      system: "same yes yes stranger unwilling stranger",
    },
    mute: {
      owner: "no yes yes stranger yes stranger",
      admin: "no no yes stranger yes stranger",
      member: "no no no no no no",
      stranger: "no no no no no no",
      system: "yes yes yes stranger yes stranger",
    },
  } as const satisfies Partial<Record<GroupAction, Record<Standing, string>>>;

  for (const [name, table] of Object.entries(tables)) {
    test(`${name}: by who acts and whom it concerns`, () => {
      const [[action] = ["talk" as const]] = rows(name);
      for (const actor of standings)
        expect([actor, ...byTarget(actor, action)]).toEqual([actor, ...said(table[actor])]);
    });
  }

  test("nobody removes, mutes or gives a role to itself; giving oneself the group changes nothing", () => {
    const toItself = (action: GroupAction, actor: Standing): GroupRight =>
      rightInGroup(action, { ...plain, actor, target: actor, isSelf: true });
    for (const actor of standings)
      for (const action of ["remove", "mute", "role"] as const)
        expect([actor, action, toItself(action, actor)]).not.toContain("allowed");
    expect(toItself("transfer", "owner")).toBe("unchanged");
  });

  test("the system does what an owner does, whatever the group's settings, and is a member of none", () => {
    const facts = { ...plain, actor: "system", isForAdmins: true, isMuted: true, isClosed: true } as const;
    const allowed = "talk mentionAll see update pin invite seeRequests add accept decline dismiss";
    const refused = "join joinInvited request quit alias";
    for (const action of allowed.split(" ").flatMap((name) => rows(name).map(([each]) => each)))
      expect([action, rightInGroup(action, facts)]).toEqual([action, "allowed"]);
    for (const action of refused.split(" ").flatMap((name) => rows(name).map(([each]) => each)))
      expect([action, rightInGroup(action, facts)]).toEqual([action, "forbidden"]);
    expect(rightInGroup("dismiss", { ...facts, isLive: false })).toBe("unchanged");
    expect(rightInGroup("add", { ...facts, target: "system" })).toBe("forbidden");
  });

  test("two admins cannot remove each other", () => {
    expect(rightInGroup("remove", { ...plain, actor: "admin", target: "admin" })).toBe("forbidden");
  });
});

describe("whom one reaches", () => {
  const flags = [false, true] as const;
  const all = consents.flatMap((consent) =>
    flags.flatMap((isBlocked) =>
      flags.map((hasConversation) => ({ isSelf: false, isBlocked, consent, hasConversation })),
    ),
  );

  test("everybody, those one has a conversation with, or nobody; never who blocks one", () => {
    const reached = all.filter(mayReach).map(({ consent, hasConversation }) => `${consent} ${hasConversation}`);
    expect(reached).toEqual(["everybody false", "everybody true", "conversations true"]);
  });

  test("oneself in any case", () => {
    for (const facts of all) expect(mayReach({ ...facts, isSelf: true })).toBe(true);
  });

  test("presence is told with a conversation or a small group in common, and never by who blocks one", () => {
    const told = flags.flatMap((isBlocked) =>
      flags.flatMap((hasConversation) =>
        flags.flatMap((sharesGroup) =>
          mayWatch({ isSelf: false, isBlocked, hasConversation, sharesGroup }) ? [1] : [0],
        ),
      ),
    );
    expect(told).toEqual([0, 1, 1, 1, 0, 0, 0, 0]);
    expect(mayWatch({ isSelf: true, isBlocked: false, hasConversation: false, sharesGroup: false })).toBe(true);
  });
});
