// What a store does for conversations, asked by the protocol: each account has connections with the feature, one for
// each device, and one without it. What the protocol does not tell of an outcome, the model of conversations fills in.

import { type DescMessage, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import type { ChangeOutcome, SettingOutcome } from "../../src/store/conversations.ts";
import type { MembershipOutcome, TalkOutcome } from "../../src/store/store.ts";
import { Command } from "../../src/wire/commands.ts";
import {
  AccountStateChangeSchema,
  ConversationClearReqSchema,
  ConversationReadReqSchema,
  ConversationSetReqSchema,
  EntryKind,
  EntryRespSchema,
  GroupCreateReqSchema,
  GroupCreateRespSchema,
  GroupJoinReqSchema,
  GroupQuitReqSchema,
  LoginReqSchema,
  MessageAckReqSchema,
  MessageEditReqSchema,
  MessageHideReqSchema,
  MessageIndexReqSchema,
  MessageIndexRespSchema,
  MessageReactReqSchema,
  MessageRecallReqSchema,
  MessageReqSchema,
  MessageRespSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import type { ConversationModel } from "../store/conversation-model.ts";
import type { DoneWrite, Write } from "../store/conversation-write.ts";
import { succeeded } from "./commands.ts";
import { type Answer, sentenceOf, type WireClient } from "./wire-client.ts";

/** Results by the sentences of refusals. */
const resultsBySentence = [
  [/^the message was recalled/, "recalled"],
  [/^messages can/, "late"],
  [/^a message has at most/, "full"],
  [/^this clientId/, "conflict"],
  [/^mentions must be of/, "mentionOfStranger"],
  [/^only the owner and the admins of a group may mention/, "mentionOfAll"],
  [/^replyTo must be/, "replyElsewhere"],
  [/^there is no message with that id yet/, "future"],
  [/^the group is closed/, "closed"],
] as const;

type Refused = (typeof resultsBySentence)[number][1] | "notFound" | "forbidden";

export class WireConversations {
  private readonly connect: (account: string, device: string) => Promise<WireClient>;
  private readonly token: (account: string) => Promise<string>;
  private readonly clients = new Map<string, Promise<WireClient>>();
  private turn = 0;

  /** `connect` gives a stranger, at any gateway. */
  constructor(connect: WireConversations["connect"], token: WireConversations["token"]) {
    this.connect = connect;
    this.token = token;
  }

  /** A connection of an account's device; `web` has no feature. Each device is another one in turn where it is ''. */
  client(account: string, device = ""): Promise<WireClient> {
    const its = device === "" ? ((["phone", "desk"] as const)[this.turn++ % 2] ?? "phone") : device;
    return this.clients.getOrInsertComputed(`${account} ${its}`, async () => {
      const client = await this.connect(account, its);
      const features = its === "web" ? [] : ["conversations"];
      const init = { token: await this.token(account), device: its, features };
      succeeded(await client.request(Command.SignIn, "", LoginReqSchema, init));
      return client;
    });
  }

  async ask<Desc extends DescMessage>(
    account: string,
    command: string,
    schema: Desc,
    init: MessageInitShape<Desc>,
    { dest = "", device = "" } = {},
  ): Promise<Answer> {
    return (await this.client(account, device)).request(command, dest, schema, init);
  }

  /** Does a write; the model has not been told of it yet. */
  async send(model: ConversationModel, write: Write): Promise<DoneWrite> {
    switch (write.method) {
      case "append":
        return { ...write, outcome: await this.talk(model, write.talk) };
      case "change":
        return { ...write, outcome: await this.change(model, write.change) };
      case "set":
        return { ...write, outcome: await this.set(model, write.setting) };
      case "hide": {
        const messageIds = [...write.request.messageIds];
        const answer = await this.ask(write.request.account, Command.MessageHide, MessageHideReqSchema, { messageIds });
        return { ...write, outcome: settled(model, answer) };
      }
      case "markRead": {
        const { mark } = write;
        const { account, messageId } = mark;
        const init = { ...placed(mark), messageId };
        const answer = await this.ask(account, Command.ConversationRead, ConversationReadReqSchema, init);
        if (answer.status !== Status.Success)
          return { ...write, outcome: { result: only(refusalOf(answer), "notFound", "future") } };
        const before = model.readId(account, mark);
        const isMoved = messageId > before;
        const outcome = { result: isMoved ? "moved" : "unchanged", readId: isMoved ? messageId : before } as const;
        return { ...write, outcome };
      }
      case "acknowledge": {
        const { account, device, id: messageId } = write;
        const answer = await this.ask(account, Command.TalkAck, MessageAckReqSchema, { messageId }, { device });
        return { ...write, outcome: answer.status === Status.Success ? "done" : only(refusalOf(answer), "future") };
      }
      case "createGroup": {
        const { name, owner, members, closed } = write.draft;
        const init = { name, members: [...members], closed };
        const answer = succeeded(await this.ask(owner, Command.GroupCreate, GroupCreateReqSchema, init));
        const { groupId: id } = fromBinary(GroupCreateRespSchema, answer.body);
        const { id: version, time } = await this.entryOf(model, owner, id);
        return {
          ...write,
          draft: { ...write.draft, id },
          outcome: { result: "created", version, leftOut: [], isAnyFull: false, time },
        };
      }
      case "join":
      case "quit":
        return { ...write, outcome: await this.membership(model, write) };
      default:
        throw new Error(`${write.method} is no command of this client`);
    }
  }

  private async talk(
    model: ConversationModel,
    talk: Extract<Write, { method: "append" }>["talk"],
  ): Promise<TalkOutcome> {
    const { sender, toGroup, dest, type, body, extra, clientId, mentions = [], replyTo = 0n } = talk;
    const init = { type, body, extra, clientId, mentions: [...mentions], replyTo };
    const command = toGroup ? Command.GroupTalk : Command.UserTalk;
    const answer = await this.ask(sender, command, MessageReqSchema, init, { dest });
    if (answer.status === Status.Success) return model.storedTalk(talk, fromBinary(MessageRespSchema, answer.body));
    const kinds = ["notFound", "forbidden", "conflict", "mentionOfStranger", "mentionOfAll", "replyElsewhere"] as const;
    return { result: only(refusalOf(answer), ...kinds) };
  }

  private async change(
    model: ConversationModel,
    change: Extract<Write, { method: "change" }>["change"],
  ): Promise<ChangeOutcome> {
    const { actor, messageId } = change;
    const answer = await (change.kind === "edit"
      ? this.ask(actor, Command.MessageEdit, MessageEditReqSchema, {
          messageId,
          body: change.body,
          extra: change.extra,
          clientId: change.clientId,
        })
      : change.kind === "recall"
        ? this.ask(actor, Command.MessageRecall, MessageRecallReqSchema, { messageId })
        : this.ask(actor, Command.MessageReact, MessageReactReqSchema, {
            messageId,
            reaction: change.reaction,
            off: change.isOff,
          }));
    if (answer.status !== Status.Success)
      return { result: only(refusalOf(answer), "notFound", "forbidden", "recalled", "late", "full") };
    const { entryId, time } = fromBinary(EntryRespSchema, answer.body);
    return entryId > model.lastId
      ? model.storedChange(change, { entryId, time })
      : { result: "unchanged", entryId, time };
  }

  private async set(
    model: ConversationModel,
    setting: Extract<Write, { method: "set" }>["setting"],
  ): Promise<SettingOutcome> {
    const { account, clearUpTo, isPinned, isMuted, isHidden } = setting;
    const place = placed(setting);
    if (clearUpTo !== undefined) {
      const init = { ...place, upTo: clearUpTo };
      return settled(model, await this.ask(account, Command.ConversationClear, ConversationClearReqSchema, init));
    }
    const init = {
      ...place,
      ...(isPinned !== undefined && { pinned: isPinned }),
      ...(isMuted !== undefined && { muted: isMuted }),
      ...(isHidden !== undefined && { hidden: isHidden }),
    };
    return settled(model, await this.ask(account, Command.ConversationSet, ConversationSetReqSchema, init));
  }

  private async membership(
    model: ConversationModel,
    { method, change }: Extract<Write, { method: "join" | "quit" }>,
  ): Promise<MembershipOutcome> {
    const { actor, account, group: groupId } = change;
    const init = { account, groupId };
    const answer = await (method === "join"
      ? this.ask(actor, Command.GroupJoin, GroupJoinReqSchema, init)
      : this.ask(actor, Command.GroupQuit, GroupQuitReqSchema, init));
    if (answer.status !== Status.Success) return { result: only(refusalOf(answer), "notFound", "forbidden", "closed") };
    const former = model.groups.get(`@${groupId}`);
    if (former === undefined || model.groups.membershipRefusal(method, change) === "unchanged")
      return { result: "unchanged" };
    const { id: version, time } = await this.entryOf(model, actor, groupId);
    const previousEntryId = model.newestEntryBelow(version, `@${groupId}`);
    return {
      result: "changed",
      versionBefore: former.version,
      version,
      entry: { time, previousEntryId, isQuiet: false },
    };
  }

  /** The entry of a change of a group that has just happened, in the log of who did it. */
  private async entryOf(
    model: ConversationModel,
    account: string,
    group: string,
  ): Promise<{ readonly id: bigint; readonly time: bigint }> {
    const init = { messageId: model.lastId > 0n ? model.lastId : 1n, includeSent: true, includeEvents: true };
    const answer = succeeded(await this.ask(account, Command.OfflineIndex, MessageIndexReqSchema, init));
    const { indexes } = fromBinary(MessageIndexRespSchema, answer.body);
    const found = indexes.findLast((each) => each.group === group && each.kind >= EntryKind.EntryGroupCreated);
    if (found === undefined) throw new Error(`the log of ${account} does not have what it did in ${group}`);
    return { id: found.messageId, time: found.sendTime };
  }
}

/** Whether the protocol lets this write through to the store. */
export function isPossible(write: Write): boolean {
  switch (write.method) {
    case "append":
      return (write.talk.replyTo ?? 0n) >= 0n && (write.talk.toGroup || write.talk.mentions?.[0] !== "*");
    case "change": {
      const { change } = write;
      const isPlain = change.kind === "react" ? change.reaction !== "\u0000" : change.windowMs > 0;
      return change.messageId > 0n && isPlain;
    }
    case "set": {
      const { isPinned, isMuted, isHidden, clearUpTo } = write.setting;
      if (clearUpTo !== undefined) return clearUpTo > 0n;
      return isPinned !== undefined || isMuted !== undefined || isHidden !== undefined;
    }
    case "markRead":
      return write.mark.messageId > 0n;
    case "hide":
      return write.request.messageIds.every((id) => id > 0n);
    case "acknowledge":
    case "createGroup":
    case "join":
    case "quit":
      return true;
    default:
      return false;
  }
}

export function placed({ toGroup, dest }: { readonly toGroup: boolean; readonly dest: string }) {
  return toGroup ? { account: "", group: dest } : { account: dest, group: "" };
}

function settled(model: ConversationModel, answer: Answer): SettingOutcome {
  if (answer.status !== Status.Success) return { result: only(refusalOf(answer), "notFound", "full") };
  const { version } = fromBinary(AccountStateChangeSchema, answer.body);
  return { result: version > model.lastId ? "stored" : "unchanged", version };
}

function refusalOf(answer: Answer): Refused {
  const sentence = sentenceOf(answer);
  const found = resultsBySentence.find(([pattern]) => pattern.test(sentence))?.[1];
  if (found !== undefined) return found;
  if (answer.status === Status.NotFound) return "notFound";
  if (answer.status === Status.Forbidden) return "forbidden";
  throw new Error(`${answer.header.command}: ${answer.status} ${sentence}`);
}

/** The result, if it is one of these. */
function only<Result extends Refused>(result: Refused, ...results: readonly Result[]): Result {
  const found = results.find((each) => each === result);
  if (found === undefined) throw new Error(`a refusal as ${result} is none of ${results.join(", ")}`);
  return found;
}
