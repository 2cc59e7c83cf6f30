// Every cell of the tables of rights (store/rights-table.ts) by the protocol: a chat service with a store of files, the
// status of its answer, and the sentence.

import { describe, expect, test } from "bun:test";
import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import { flushMessagesDefault } from "../../src/store/sqlite/index/posting.ts";
import { Command } from "../../src/wire/commands.ts";
import {
  GroupAddReqSchema,
  GroupAliasReqSchema,
  GroupAnswerReqSchema,
  GroupDismissReqSchema,
  GroupGetReqSchema,
  GroupInvitationsReqSchema,
  GroupInviteReqSchema,
  GroupJoinReqSchema,
  GroupMuteReqSchema,
  GroupPinnedReqSchema,
  GroupPinReqSchema,
  GroupQuitReqSchema,
  GroupRemoveReqSchema,
  GroupRequestReqSchema,
  GroupRequestsReqSchema,
  GroupRevokeReqSchema,
  GroupRole,
  GroupRoleReqSchema,
  GroupTransferReqSchema,
  GroupUpdateReqSchema,
  MessageEditReqSchema,
  MessageReactReqSchema,
  MessageRecallReqSchema,
  MessageReqSchema,
  SignalSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import { chatLink, newer } from "../support/chat-link.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";
import { sentenceOf } from "../support/wire-client.ts";
import { nowSeconds } from "../store/model-groups.ts";
import { openForAll } from "../store/opened-store.ts";
import { directTry, groupTry, type Try } from "../store/rights-stage.ts";
import { groupStates } from "../store/rights-suite.ts";
import { actors, directTable, relations, rowsOf, tables, type Verdict } from "../store/rights-table.ts";
import { sqlitePlace } from "../store/sqlite-place.ts";

const noGroup = "there is no such group";
const notMember = "you are not a member of this group";
const notRead = "there is no such message, or it is not yours to read";
const onlyAdmins = "only the owner and the admins of a group may do this";
const adminsRemove = "only the owner of a group removes admins, and only the owner and admins remove members";
const adminsMute = "only the owner of a group mutes admins, and only the owner and admins mute members";
const ownOrOwner = "only the account itself, the group's owner or one of its admins may do this";
const cannotWrite = "the account does not let you write to it; invite it to a group instead";
const cannotEdit = "only its author may edit a message, and only where it may still talk";
const cannotReact = "only who may talk in its conversation may react to a message";
const cannotRecall = "only its author, and the owner and admins of its group, may recall a message";

const cannotAnswer = "only the owner and the admins of a group answer requests to join it";
const noRequest = "there is no such group, or the account does not ask to join it any more";

/** What is said where an action is refused; Success where nothing is. */
const sentences: Readonly<Record<string, Partial<Record<Verdict, string>>>> = {
  talk: { no: notMember, not: cannotWrite },
  mentionAll: { no: notMember, all: 'only the owner and the admins of a group may mention everybody ("*")' },
  mayTalk: { no: notMember, not: cannotWrite },
  editOwn: { no: cannotEdit, gone: notRead },
  react: { no: cannotReact, gone: notRead },
  recallOwn: { gone: notRead },
  recallOther: { no: cannotRecall, gone: notRead },
  detail: { no: notMember },
  members: { no: notMember },
  pinned: { gone: "you have no such conversation" },
  update: { no: "only the owner and the admins of a group change it" },
  settings: { no: "only the owner and the admins of a group change it" },
  pin: {
    no: "only the owner and the admins of a group pin its messages",
    not: cannotWrite,
    gone: "there is no such message in this conversation, or it was recalled",
  },
  invite: { no: onlyAdmins },
  revoke: { no: onlyAdmins },
  invitations: { no: onlyAdmins },
  requests: { no: onlyAdmins },
  accept: { no: cannotAnswer, gone: noRequest },
  decline: { no: cannotAnswer, gone: noRequest },
  joinInvited: { gone: "there is no such invitation, or it is not valid any more" },
  quit: { no: ownOrOwner },
  alias: { no: "only members have a name in a group" },
  dismiss: { no: "only the owner of a group dismisses it" },
  add: { no: "only the owner and the admins of a group add members", not: "" },
  joinOther: { no: ownOrOwner, not: "the account does not let you add it to groups; send it an invitation instead" },
  remove: { no: adminsRemove },
  quitOther: { no: ownOrOwner },
  mute: { no: adminsMute },
  promote: { no: "only the owner of a group changes roles, and never its own" },
  demote: { no: "only the owner of a group changes roles, and never its own" },
  transfer: {
    no: "only the owner of a group gives it to another",
    not: "the account does not let you give it a group; send it an invitation instead",
  },
};

/** What is said whatever the action is. */
const usual: Partial<Record<Verdict, string>> = {
  gone: noGroup,
  ask: "the group decides who joins: ask with chat.group.request",
  open: "the group takes everybody: join it with chat.group.join",
  shut: "the group is closed: join it with an invitation, or let an admin add you",
  muted: "you are muted in this group",
  admins: "only the owner and the admins of this group may talk",
  none: "the account is no member of this group",
};
const notFoundVerdicts: readonly Verdict[] = ["gone", "none"];

/** A status and a sentence. */
function expectedOf(action: string, verdict: Verdict): string {
  const sentence = sentences[action]?.[verdict] ?? usual[verdict] ?? "";
  if (sentence === "") return `${Status.Success}`;
  return `${notFoundVerdicts.includes(verdict) ? Status.NotFound : Status.Forbidden} ${sentence}`;
}

describe("rights by the protocol", () => {
  const freshPath = temporaryPaths("rights-by-wire-");
  const opened = openForAll(async () => sqlitePlace(freshPath(), flushMessagesDefault));

  /** Asks as an account of the app of chatLink; a status and a sentence. */
  async function ask(action: string, its: Try, isDirect: boolean): Promise<string> {
    const link = chatLink(opened.store);
    const { group, account, code, own, other: messageId, asker } = its;
    const by = action === "talkBack" || (isDirect && action === "joinInvited") ? account : its.actor;
    link.signIn(by, "c1", newer);
    const request = async <Desc extends DescMessage>(
      command: string,
      schema: Desc,
      init: MessageInitShape<Desc>,
      dest = "",
    ): Promise<string> => {
      const answer = await link.request([by, "c1"], command, schema, init, dest);
      return answer.status === Status.Success ? `${Status.Success}` : `${answer.status} ${sentenceOf(answer)}`;
    };
    const to = isDirect ? { account } : { group };
    const talk = (init: MessageInitShape<typeof MessageReqSchema>): Promise<string> =>
      isDirect
        ? request(Command.UserTalk, MessageReqSchema, init, by === account ? its.actor : account)
        : request(Command.GroupTalk, MessageReqSchema, init, group);
    switch (action) {
      case "talk":
      case "talkBack":
        return talk({ body: "x" });
      case "mentionAll":
        return talk({ body: "x", mentions: ["*"] });
      case "mayTalk":
        return request(Command.Signal, SignalSchema, { ...to, kind: "typing" });
      case "editOwn":
        return request(Command.MessageEdit, MessageEditReqSchema, { messageId: own, body: "y" });
      case "react":
        return request(Command.MessageReact, MessageReactReqSchema, { messageId, reaction: "a" });
      case "recallOwn":
        return request(Command.MessageRecall, MessageRecallReqSchema, { messageId: own });
      case "recallOther":
        return request(Command.MessageRecall, MessageRecallReqSchema, { messageId });
      case "detail":
        return request(Command.GroupDetail, GroupGetReqSchema, { groupId: group });
      case "members":
        return request(Command.GroupMembers, GroupGetReqSchema, { groupId: group, limit: 9 });
      case "pinned":
        return request(Command.GroupPinned, GroupPinnedReqSchema, to);
      case "update":
        return request(Command.GroupUpdate, GroupUpdateReqSchema, { group, name: "new" });
      case "settings":
        return request(Command.GroupUpdate, GroupUpdateReqSchema, { group, muted: true });
      case "pin":
        return request(Command.GroupPin, GroupPinReqSchema, { ...to, messageId });
      case "invite":
        return request(Command.GroupInvite, GroupInviteReqSchema, { group });
      case "revoke":
        return request(Command.GroupRevoke, GroupRevokeReqSchema, { group, code });
      case "invitations":
        return request(Command.GroupInvitations, GroupInvitationsReqSchema, { group });
      case "requests":
        return request(Command.GroupRequests, GroupRequestsReqSchema, { group });
      case "accept":
      case "decline":
        return request(Command.GroupAnswer, GroupAnswerReqSchema, {
          group,
          account: asker,
          accept: action === "accept",
        });
      case "join":
        return request(Command.GroupJoin, GroupJoinReqSchema, { groupId: group, account: by });
      case "joinInvited":
        return request(Command.GroupJoin, GroupJoinReqSchema, { code });
      case "request":
        return request(Command.GroupRequest, GroupRequestReqSchema, { group });
      case "quit":
        return request(Command.GroupQuit, GroupQuitReqSchema, { groupId: group, account: by });
      case "alias":
        return request(Command.GroupAlias, GroupAliasReqSchema, { group, alias: "x" });
      case "dismiss":
        return request(Command.GroupDismiss, GroupDismissReqSchema, { group });
      case "add":
        return request(Command.GroupAdd, GroupAddReqSchema, { group, accounts: [account] });
      case "joinOther":
        return request(Command.GroupJoin, GroupJoinReqSchema, { groupId: group, account });
      case "remove":
        return request(Command.GroupRemove, GroupRemoveReqSchema, { group, accounts: [account] });
      case "quitOther":
        return request(Command.GroupQuit, GroupQuitReqSchema, { groupId: group, account });
      case "mute":
        return request(Command.GroupMute, GroupMuteReqSchema, { group, account, until: nowSeconds() + 90n });
      case "promote":
        return request(Command.GroupRole, GroupRoleReqSchema, { group, account, role: GroupRole.GroupRoleAdmin });
      case "demote":
        return request(Command.GroupRole, GroupRoleReqSchema, { group, account, role: GroupRole.GroupRoleMember });
      case "transfer":
        return request(Command.GroupTransfer, GroupTransferReqSchema, { group, account });
      default:
        throw new Error(`there is no action ${action}`);
    }
  }

  /** The app of chatLink is that of all tests: accounts and groups have names of their own. */
  const app = "app";

  for (const state of groupStates) {
    test(`in a group that is ${state}`, async () => {
      for (const { action, target, cells } of rowsOf(tables[state], actors)) {
        const found = cells.map(async ([actor]) =>
          ask(action, await groupTry(opened.store, app, { state, actor, target }), false),
        );
        const expected = cells.map(([, verdict]) => expectedOf(action, verdict));
        expect([action, target, ...(await Promise.all(found))]).toEqual([action, target, ...expected]);
      }
    }, 60_000);
  }

  test("between two accounts, by what the second has set about the first", async () => {
    for (const { action, cells } of rowsOf(directTable, relations)) {
      const found = cells.map(async ([relation]) =>
        ask(action, await directTry(opened.store, app, relation, action), true),
      );
      const expected = cells.map(([, verdict]) => expectedOf(action, verdict));
      expect([action, ...(await Promise.all(found))]).toEqual([action, ...expected]);
    }
  }, 60_000);
});
