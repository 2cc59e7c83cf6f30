// For tests of the commands of groups and people: the people of conversation-stage.ts on a chat service whose store
// also has groups, settings and profiles, notes what it is asked, and answers as the test says.
import { create, toBinary } from "@bufbuild/protobuf";
import type { ConsentState, Entry, GroupEntryDetail, Profile, SettingOutcome } from "../../src/store/conversations.ts";
import { entryKind } from "../../src/store/conversations.ts";
import type { AddOutcome, GroupOutcome, GroupStore, GroupView, Refused } from "../../src/store/groups.ts";
import type { PeopleStore } from "../../src/store/people.ts";
import { membershipOf, type Store } from "../../src/store/store.ts";
import { Command } from "../../src/wire/commands.ts";
import {
  AccountSettingsReqSchema,
  BlockedReqSchema,
  BlockReqSchema,
  Consent,
  GroupAddReqSchema,
  GroupAliasReqSchema,
  GroupAnswerReqSchema,
  GroupDismissReqSchema,
  GroupInvitationsReqSchema,
  GroupInviteReqSchema,
  GroupListReqSchema,
  GroupMuteReqSchema,
  GroupPinnedReqSchema,
  GroupPinReqSchema,
  GroupRemoveReqSchema,
  GroupRequestReqSchema,
  GroupRequestsReqSchema,
  GroupRevokeReqSchema,
  GroupRole,
  GroupRoleReqSchema,
  GroupTransferReqSchema,
  GroupUpdateReqSchema,
  HistoryRespSchema,
  ProfileReqSchema,
  ProfileSetReqSchema,
} from "../../src/wire/gen/pkt_pb.ts";
import { chatLink, newer, older } from "../support/chat-link.ts";
import { ask, type Asked, scripted } from "./conversation-stage.ts";

type StoredOutcome = Extract<GroupOutcome, { readonly result: "stored" }>;

/** What a change of group "g" came to, whose entry Alice made. */
export function outcomeOf(
  kind: number,
  detail: Partial<GroupEntryDetail> = {},
  over: Partial<Entry> & {
    readonly isQuiet?: boolean;
    readonly versionBefore?: bigint;
    readonly version?: bigint;
  } = {},
): StoredOutcome {
  const { isQuiet = false, versionBefore = 10n, version = 10n, ...fields } = over;
  const accounts = detail.accounts ?? [];
  const entry = {
    entryId: 3_000n,
    kind,
    refersTo: 0n,
    actor: "alice",
    time: 11n,
    account: "",
    group: "g",
    reaction: "",
    isOff: false,
    detail: { count: accounts.length, accounts, ...detail },
    ...fields,
  };
  return { result: "stored", entries: [{ entry, previousEntryId: 2_500n, isQuiet }], versionBefore, version };
}

/** Accounts joined or left group "g" by entry 3000, which is its version from now on. */
export function moved(
  kind: number,
  accounts: readonly string[],
  over: Parameters<typeof outcomeOf>[2] = {},
): StoredOutcome {
  const detail = { accounts: accounts.slice(0, 100), count: accounts.length };
  return outcomeOf(kind, detail, { version: 3_000n, ...over });
}

export const view: GroupView = {
  id: "g",
  name: "a group",
  avatar: "a",
  introduction: "i",
  announcement: "n",
  owner: "alice",
  createdAt: 1n,
  isClosed: true,
  hasApproval: true,
  isForAdmins: true,
  memberCount: 3,
  role: "owner",
  mutedUntil: 0n,
  alias: "al",
  requestCount: 2,
};

/** What a store of groups and people answers; a test replaces what it needs. */
function scriptedAnswers() {
  const answers: {
    change: GroupOutcome;
    add: AddOutcome;
    remove: readonly GroupOutcome[];
    joined: GroupOutcome & { readonly group?: string };
    invited: "stored" | Refused;
    asked: "stored" | Refused;
    found: "found" | Refused;
    members: readonly string[];
    membership: ReturnType<typeof membershipOf>;
    isMember: boolean;
    setting: SettingOutcome & { readonly madeAccount?: boolean };
    consent: ConsentState;
    profiles: readonly Profile[];
  } = {
    change: outcomeOf(entryKind.groupRole, { accounts: ["bob"], role: "admin" }),
    add: { outcomes: [moved(entryKind.groupJoined, ["dora"])], leftOut: [], unwilling: [] },
    remove: [moved(entryKind.groupRemoved, ["bob"])],
    joined: { ...moved(entryKind.groupJoined, ["alice"]), group: "g" },
    invited: "stored",
    asked: "stored",
    found: "found",
    members: ["alice", "bob"],
    membership: membershipOf(10n, ["alice", "bob", "carol"], [], 10n),
    isMember: true,
    setting: { result: "stored", version: 77n },
    consent: { write: "conversations", add: "nobody", version: 77n },
    profiles: [{ account: "bob", name: "Bob", avatar: "", extra: "", version: 5n }],
  };
  return answers;
}

/** As `stage` of conversation-stage.ts, with a store that has groups and people. `values`: limits. */
export function groupStage(values: Parameters<typeof chatLink>[1] = {}) {
  const script = scripted();
  const { asked } = script;
  const answers = scriptedAnswers();
  const noted = <Answer>(call: unknown, answer: Answer): Promise<Answer> => {
    asked.push(call);
    return Promise.resolve(answer);
  };
  const groups: GroupStore = {
    change: (change) => noted(change, answers.change),
    add: (request) => noted({ add: request }, answers.add),
    remove: (request) => noted({ remove: request }, answers.remove),
    joinInvited: (app, account, code) => noted({ app, account, code }, answers.joined),
    invite: ({ code, ...draft }) => {
      const invitation = { code, expiresAt: 99n, usesLeft: draft.uses, account: draft.actor };
      const { invited } = answers;
      return noted(
        { ...draft, digits: code.length },
        invited === "stored" ? { result: "stored", invitation } : invited,
      );
    },
    revokeInvitation: (group, code) =>
      noted({ ...group, code }, answers.asked === "stored" ? { result: "stored" } : answers.asked),
    invitations: (group) => {
      const items = [{ code: "c", expiresAt: 99n, usesLeft: 3, account: "alice" }];
      return noted(group, answers.found === "found" ? { result: "found", items, hasMore: false } : answers.found);
    },
    request: (request) =>
      noted(
        request,
        answers.asked === "stored" ? { result: "stored", admins: ["bob", "carol"], time: 7n } : answers.asked,
      ),
    withdraw: (group) =>
      noted(
        { withdraw: group },
        answers.asked === "stored" ? { result: "stored", admins: ["bob", "carol"] } : answers.asked,
      ),
    requests: (group, after, limit) => {
      const items = [{ account: "dora", text: "please", time: 7n }];
      return noted(
        { ...group, after, limit },
        answers.found === "found" ? { result: "found", items, hasMore: true } : answers.found,
      );
    },
    answer: (answer) => noted({ answer }, answers.change),
    pin: (change) => noted(change, answers.change),
    pinned: (query) =>
      noted(
        query,
        answers.isMember ? toBinary(HistoryRespSchema, create(HistoryRespSchema, { hasBefore: true })) : "notFound",
      ),
    groups: (app, account, after, limit) =>
      noted({ app, account, after, limit }, { result: "found", items: [view], hasMore: true }),
    beginningWith: () => Promise.resolve([]),
    members: (query) => {
      const role = "member" as const;
      const items = answers.members
        .slice(0, query.limit)
        .map((account) => ({ account, alias: `the ${account}`, role, joinTime: 4n, mutedUntil: 5n }));
      return noted(
        query,
        answers.isMember ? { result: "found", items, hasMore: true, group: view } : { result: "forbidden" },
      );
    },
  };
  const unused = (): Promise<never> => Promise.reject(new Error("no command asks for this"));
  const people: PeopleStore = {
    block: (change) => noted(change, answers.setting),
    blocked: (app, account, after, limit) =>
      noted({ app, account, after, limit }, { accounts: ["bob"], hasMore: true }),
    setConsent: (change) => noted(change, answers.setting),
    consent: (app, account) => noted({ app, account }, answers.consent),
    setProfile: (change) => noted(change, answers.setting),
    profiles: (app, accounts, versions) => noted({ app, accounts, versions }, answers.profiles),
    mayTalk: () => Promise.resolve({ right: "allowed", groupVersion: answers.membership.version }),
    watchable: unused,
    guardVersion: unused,
    blocksAfter: unused,
    markSeen: unused,
    lastSeen: unused,
  };
  const store: Store = {
    ...script.store,
    groups,
    people,
    membership: () => Promise.resolve(answers.membership),
  };
  const link = chatLink(store, values);
  link.signIn("alice", "a1", newer);
  link.signIn("alice", "a2", ["conversations"]);
  link.signIn("alice", "a-old", older);
  link.signIn("bob", "b1", newer);
  link.signIn("bob", "b-old", older);
  link.signIn("carol", "c1", newer);
  link.signIn("dora", "d1", newer);
  link.signIn("dora", "d-old", older);
  return { ...link, store, groups, people, asked, answers, settled: settledOf(link) };
}

/** Waits until no push has followed for a while; returns them as `<command> <channels>`, sorted. */
function settledOf({ pushes }: Pick<ReturnType<typeof chatLink>, "pushes">) {
  return async (): Promise<string[]> => {
    for (let before = -1; before !== pushes().length;) {
      before = pushes().length;
      await Bun.sleep(5);
    }
    return pushes()
      .map(({ command, channels }) => `${command} ${channels.toSorted().join(",")}`)
      .toSorted();
  };
}

/** One request of each command of groups, which succeeds. */
export const goodOfGroups: readonly Asked[] = [
  ask(Command.GroupList, GroupListReqSchema, {}),
  ask(Command.GroupUpdate, GroupUpdateReqSchema, { group: "g", name: "new", muted: false }),
  ask(Command.GroupAdd, GroupAddReqSchema, { group: "g", accounts: ["dora", "alice", "dora"] }),
  ask(Command.GroupRemove, GroupRemoveReqSchema, { group: "g", accounts: ["bob", "bob"] }),
  ask(Command.GroupRole, GroupRoleReqSchema, { group: "g", account: "bob", role: GroupRole.GroupRoleAdmin }),
  ask(Command.GroupTransfer, GroupTransferReqSchema, { group: "g", account: "bob" }),
  ask(Command.GroupMute, GroupMuteReqSchema, { group: "g", account: "bob", until: 9n }),
  ask(Command.GroupDismiss, GroupDismissReqSchema, { group: "g" }),
  ask(Command.GroupAlias, GroupAliasReqSchema, { group: "g", alias: "al" }),
  ask(Command.GroupPin, GroupPinReqSchema, { group: "g", messageId: 5n }),
  ask(Command.GroupUnpin, GroupPinReqSchema, { account: "bob", messageId: 5n }),
  ask(Command.GroupPinned, GroupPinnedReqSchema, { group: "g" }),
  ask(Command.GroupInvite, GroupInviteReqSchema, { group: "g" }),
  ask(Command.GroupRevoke, GroupRevokeReqSchema, { group: "g", code: "c" }),
  ask(Command.GroupInvitations, GroupInvitationsReqSchema, { group: "g" }),
  ask(Command.GroupRequest, GroupRequestReqSchema, { group: "g", text: "please" }),
  ask(Command.GroupRequests, GroupRequestsReqSchema, { group: "g", after: "bob" }),
  ask(Command.GroupAnswer, GroupAnswerReqSchema, { group: "g", account: "dora", accept: true }),
];

/** The same of people. */
export const goodOfPeople: readonly Asked[] = [
  ask(Command.AccountBlock, BlockReqSchema, { account: "bob" }),
  ask(Command.AccountUnblock, BlockReqSchema, { account: "bob" }),
  ask(Command.AccountBlocked, BlockedReqSchema, { after: "ann", limit: 200 }),
  ask(Command.AccountSettings, AccountSettingsReqSchema, { add: Consent.ConsentNobody }),
  ask(Command.AccountProfile, ProfileReqSchema, { accounts: ["bob", "carol"], versions: [4n] }),
  ask(Command.AccountSetProfile, ProfileSetReqSchema, { name: "Al", avatar: "https://example.org/a.png" }),
];
