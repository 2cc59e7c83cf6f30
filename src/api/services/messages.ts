// Sends, changes and reads messages, through the handlers of the commands of clients.

import { Code, type ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { systemAccount } from "../../auth/names.ts";
import type { Answer } from "../../service/call-context.ts";
import { Command, type CommandName } from "../../wire/commands.ts";
import { Messages, type SendReq } from "../../wire/gen/api_pb.ts";
import * as pkt from "../../wire/gen/pkt_pb.ts";
import { accountName, type ApiCall } from "../api-call.ts";
import type { ApiParts } from "../api-parts.ts";
import { actorOf, askFor, change, encoded, requireOneOf } from "../chat-calls.ts";
import { errorOf, invalid } from "../codes.ts";
import { type Method, unary } from "../method.ts";
import { clientIdFor, Repeats } from "../repeats.ts";
import { readTalkAnswer } from "../talk-answer.ts";
import { TalkTurns } from "../talk-turns.ts";

const { method } = Messages;

/** The talks of a request to many that are under way at a time: a commit, or a few. */
const sliceMax = 500;
/** What a type of 0 means. */
const plainText = 1;

export function messages(parts: ApiParts): readonly Method[] {
  const repeats = new Repeats(parts.clock);
  const turns = new TalkTurns();
  return [
    unary(method.send, async (request, call) => {
      const { to, group, accounts } = request;
      requireOneOf({ to: to !== "", group: group !== "", accounts: accounts.length > 0 });
      const header = call.idempotencyKey;
      const talks = new Talks(parts, turns, call, request, header);
      const send = () => talks.sendAll(request);
      return header === undefined ? send() : repeats.once(call, "Messages/Send", header, request, send);
    }),
    unary(method.recall, ({ actor, messageId }, call) => {
      const account = actorOf(call, "actor", actor);
      const asked = {
        command: Command.MessageRecall,
        account,
        schema: pkt.MessageRecallReqSchema,
        request: { messageId },
      };
      return change(parts, call, asked);
    }),
    unary(method.edit, ({ actor, messageId, body, extra }, call) => {
      const account = actorOf(call, "actor", actor);
      const request = { messageId, body, extra };
      const asked = { command: Command.MessageEdit, account, schema: pkt.MessageEditReqSchema, request };
      return change(parts, call, asked);
    }),
    unary(method.history, async ({ account, peer, group, before, after, around, limit, thread }, call) => {
      requireOneOf({ peer: peer !== "", group: group !== "" });
      if (account === "" && group === "") throw invalid("account must name whose view of the conversation is read");
      const reader = account === "" ? systemAccount : accountName("account", account);
      const request = { account: peer, group, before, after, around, limit, thread };
      const found = await history(parts, call, reader, request);
      return { messages: found.messages, hasBefore: found.hasBefore, hasAfter: found.hasAfter };
    }),
    unary(method.get, async ({ messageIds, account }, call) => {
      const reader = account === "" ? systemAccount : accountName("account", account);
      const found = await history(parts, call, reader, { messageIds: [...new Set(messageIds)].toSorted(byId) });
      return { messages: found.messages };
    }),
  ];
}

function byId(one: bigint, other: bigint): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

function history(
  parts: ApiParts,
  call: ApiCall,
  account: string,
  request: Parameters<typeof askFor<typeof pkt.HistoryReqSchema, typeof pkt.HistoryRespSchema>>[2]["request"],
) {
  const asked = { command: Command.History, account, schema: pkt.HistoryReqSchema, request };
  return askFor(parts, call, asked, pkt.HistoryRespSchema);
}

/** The talks of one request. */
class Talks {
  private readonly parts: ApiParts;
  private readonly turns: TalkTurns;
  private readonly call: ApiCall;
  private readonly sender: string;
  private readonly header: string | undefined;
  private readonly talk: Pick<pkt.MessageReq, "type" | "body" | "extra" | "mentions" | "replyTo" | "media">;
  /** The body of all talks that have no clientId. */
  private readonly shared: Buffer | undefined;

  /** Throws PermissionDenied if the key may not send as the sender. */
  constructor(parts: ApiParts, turns: TalkTurns, call: ApiCall, request: SendReq, header: string | undefined) {
    const { sender, type, body, extra, mentions, replyTo, media } = request;
    this.parts = parts;
    this.turns = turns;
    this.call = call;
    this.sender = actorOf(call, "sender", sender);
    this.header = header;
    this.talk = { type: type === 0 ? plainText : type, body, extra, mentions, replyTo, media };
    this.shared = header === undefined ? encoded(pkt.MessageReqSchema, this.talk) : undefined;
  }

  /** Sends to whom the request names. */
  async sendAll({ sender, to, group, accounts }: SendReq) {
    if (sender === "") await this.parts.system.made(this.call.app);
    if (accounts.length > 0) return { results: await this.sendToEach(accounts) };
    const answer = await (group === "" ? this.sendTo(to) : this.send(Command.GroupTalk, "group", group));
    if (answer.status !== pkt.Status.Success) throw errorOf(answer);
    return readTalkAnswer(answer.body);
  }

  private sendTo(account: string): Promise<Answer> {
    return this.send(Command.UserTalk, "account", account);
  }

  /** Sends to each of many; who is named twice gets it once, and has its result at each of its places. */
  private async sendToEach(accounts: readonly string[]) {
    const receivers = [...new Set(accounts)];
    const results = await this.sendToSlices(receivers);
    if (receivers.length === accounts.length) return results;
    const places = new Map(receivers.map((account, at) => [account, at]));
    return accounts.flatMap((account) => results[places.get(account) ?? -1] ?? []);
  }

  /** `accounts`: without duplicates. Ends between two slices when nobody waits any more. */
  private async sendToSlices(accounts: readonly string[]) {
    const results: ReturnType<typeof resultOf>[] = [];
    for (let at = 0; at < accounts.length; at += sliceMax) {
      const slice = accounts.slice(at, at + sliceMax);
      await this.turns.take(this.call.key.id, slice.length);
      try {
        this.call.throwIfEnded();
        const answers = await Promise.all(slice.map((account) => this.sendTo(account)));
        for (const [index, answer] of answers.entries()) results.push(resultOf(slice[index] ?? "", answer));
      } finally {
        this.turns.release(slice.length);
      }
    }
    return results;
  }

  private send(command: CommandName, kind: string, dest: string): Promise<Answer> {
    const { call, sender: account, parts } = this;
    const { app, receivedMs } = call;
    return parts.chat.call({ command, app, account, dest, body: this.bodyFor(kind, dest), receivedMs, signal: call });
  }

  private bodyFor(kind: string, receiver: string): Buffer {
    const { shared, header = "", talk, call } = this;
    return shared ?? encoded(pkt.MessageReqSchema, { ...talk, clientId: clientIdFor(call, header, kind, receiver) });
  }
}

function resultOf(account: string, answer: Answer) {
  if (answer.status === pkt.Status.Success) return { account, ...readTalkAnswer(answer.body) };
  const error: ConnectError = errorOf(answer);
  return {
    account,
    code: codeToString(error.code === Code.Internal ? Code.Unavailable : error.code),
    error: error.rawMessage,
  };
}
