// What people with the feature do with their conversations: they edit, recall and react, read, pin, mute, hide and
// clear, and look at histories and lists.

import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Command, type CommandName } from "../../src/wire/commands.ts";
import {
  BlockReqSchema,
  ConversationClearReqSchema,
  ConversationReadReqSchema,
  ConversationSetReqSchema,
  GroupAliasReqSchema,
  GroupMuteReqSchema,
  GroupRole,
  GroupRoleReqSchema,
  GroupUpdateReqSchema,
  MessageEditReqSchema,
  MessageHideReqSchema,
  MessageReactReqSchema,
  MessageRecallReqSchema,
} from "../../src/wire/gen/pkt_pb.ts";
import type { Random } from "../support/random.ts";
import type { Phone } from "./phone.ts";
import { type Known, nameOf } from "./phone-disk.ts";
import type { Wish } from "./phone-owner.ts";
import { accounts, group } from "./sim-people.ts";

/** Of the messages that a client knows, people deal with the last ones. */
const recentMax = 12;
/** More unanswered wishes are of no use. */
const wishesMax = 6;

export class PhoneWishes {
  private readonly random: Random;
  private readonly tell: (what: string) => void;
  private edits = 0;

  constructor(random: Random, tell: (what: string) => void) {
    this.random = random;
    this.tell = tell;
  }

  act(phone: Phone): void {
    const { random } = this;
    const recent = [...phone.disk.known.values()].slice(-recentMax);
    const message = recent[random.below(Math.max(1, recent.length))];
    if (message === undefined) return;
    if (random.once(4)) {
      this.look(phone, message);
      return;
    }
    if (phone.wishes.length >= wishesMax) return;
    if (random.once(5)) {
      this.ask(phone, this.peopleWish(phone));
      return;
    }
    const mine = recent.filter(
      ({ sender, isRecalled, text }) => sender === phone.account && !isRecalled && text !== "",
    );
    const own = mine[random.below(Math.max(1, mine.length))];
    this.ask(phone, this.wish(phone, message, own));
  }

  /** Blocks somebody who watches, or, who is blocked already, reads what came from there. */
  block(phone: Phone): void {
    const account = phone.account === "ann" ? "bob" : "ann";
    const last = [...phone.disk.known.values()].findLast(({ toGroup, sender }) => !toGroup && sender === account);
    if (phone.disk.blocks.get(account)?.off !== false || last === undefined) {
      this.ask(phone, wishOf(Command.AccountBlock, nothing, BlockReqSchema, { account }));
      return;
    }
    const { messageId } = last;
    const read = wishOf(Command.ConversationRead, last, ConversationReadReqSchema, { account, messageId });
    this.ask(phone, { ...read, name: { toGroup: false, dest: account } });
  }

  private ask(phone: Phone, wish: Wish): void {
    this.tell(`${phone.label} wants ${wish.command} ${wish.messageId} ${wish.text}`);
    phone.wish(wish);
  }

  /** Blocks somebody, or ends that; changes the group, which is refused to who may not. */
  private peopleWish({ account: self }: Phone): Wish {
    const { random } = this;
    const others = accounts.filter((each) => each !== self);
    const account = others[random.below(others.length)] ?? "";
    const turn = random.below(12);
    if (turn < 3) return wishOf(Command.AccountBlock, nothing, BlockReqSchema, { account });
    if (turn < 6) return wishOf(Command.AccountUnblock, nothing, BlockReqSchema, { account });
    if (turn < 8) {
      const role = random.once(3) ? GroupRole.GroupRoleMember : GroupRole.GroupRoleAdmin;
      return wishOf(Command.GroupRole, nothing, GroupRoleReqSchema, { group, account: "bob", role });
    }
    if (turn < 9) {
      const until = random.once(2) ? 0n : BigInt(Math.floor(Date.now() / 1000) + random.below(10));
      return wishOf(Command.GroupMute, nothing, GroupMuteReqSchema, { group, account, until });
    }
    const alias = `a${random.below(10)}`;
    if (turn < 11) return wishOf(Command.GroupAlias, nothing, GroupAliasReqSchema, { group, alias });
    return wishOf(Command.GroupUpdate, nothing, GroupUpdateReqSchema, { group, muted: random.once(4) });
  }

  private wish({ disk }: Phone, message: Known, own: Known | undefined): Wish {
    const { random } = this;
    const { messageId } = message;
    const named = message.toGroup ? { group: message.dest } : { account: message.dest };
    const turn = random.below(20);
    if (turn < 5 && own !== undefined) return this.edit(own);
    if (turn < 8 && own !== undefined)
      return wishOf(Command.MessageRecall, own, MessageRecallReqSchema, { messageId: own.messageId });
    if (turn < 9) return wishOf(Command.MessageRecall, message, MessageRecallReqSchema, { messageId });
    if (turn < 12) {
      const body = { messageId, reaction: random.once(2) ? "r" : "s", off: random.once(3) };
      return wishOf(Command.MessageReact, message, MessageReactReqSchema, body);
    }
    if (turn < 16)
      return {
        ...wishOf(Command.ConversationRead, message, ConversationReadReqSchema, { ...named, messageId }),
        name: message,
      };
    if (turn < 17) return wishOf(Command.MessageHide, message, MessageHideReqSchema, { messageIds: [messageId] });
    if (turn < 18 && disk.known.size > recentMax)
      return wishOf(Command.ConversationClear, message, ConversationClearReqSchema, { ...named, upTo: messageId });
    const setting = (["pinned", "muted", "hidden"] as const)[random.below(3)] ?? "pinned";
    return wishOf(Command.ConversationSet, message, ConversationSetReqSchema, { ...named, [setting]: random.once(2) });
  }

  private edit(own: Known): Wish {
    const text = `${nameOf(own.text)}~${++this.edits}`;
    const body = { messageId: own.messageId, body: text, clientId: text };
    return { ...wishOf(Command.MessageEdit, own, MessageEditReqSchema, body), text };
  }

  private look(phone: Phone, message: Known): void {
    const { random } = this;
    const { messageId } = message;
    const query =
      ([{}, { before: messageId }, { after: messageId }, { around: messageId }] as const)[random.below(4)] ?? {};
    const limit = 1 + random.below(20);
    phone.withViews((views) => {
      if (random.once(5)) views.readList();
      else if (message.toGroup && random.once(4)) views.readers(messageId);
      else views.history(message, query, limit);
    });
  }
}

const nothing = { messageId: 0n };

function wishOf<Desc extends DescMessage>(
  command: CommandName,
  { messageId }: Pick<Known, "messageId">,
  schema: Desc,
  init: MessageInitShape<Desc>,
): Wish {
  return { command, messageId, body: toBinary(schema, create(schema, init)), text: "", name: undefined };
}
