// A server that does what a test of the messenger says.

import { expect } from "bun:test";
import { Messenger, type MessengerOptions } from "../../../src/sdk/messenger/messenger.ts";
import { Command } from "../../../src/wire/commands.ts";
import {
  AccountStateRespSchema,
  LoginReqSchema,
  LoginRespSchema,
  MessageIndexReqSchema,
  MessageIndexRespSchema,
  MessagePushSchema,
} from "../../../src/wire/gen/pkt_pb.ts";
import type { PeerRequest, ScriptedPeer } from "../../support/scripted-peer.ts";
import { afterwards, peerOn } from "../support.ts";

/** A server that grants conversations, has `lastId` as its last message, and lists what `list` says. */
export function peerWithFeature(list: (request: PeerRequest) => void): ScriptedPeer {
  const peer = peerOn("ws");
  peer.on(Command.SignIn, (request) => {
    const { features } = request.body(LoginReqSchema);
    request.respond(LoginRespSchema, { account: "alice", channelId: "c", features });
    peer.connections.push(request.connection);
  });
  peer.on(Command.OfflineIndex, (request) => {
    const { messageId, includeSent, includeEvents } = request.body(MessageIndexReqSchema);
    expect([includeSent, includeEvents]).toEqual([true, true]);
    peer.indexAsked.push(messageId);
    request.respond(MessageIndexRespSchema, { lastId: 10n });
  });
  peer.on(Command.AccountState, (request) => request.respond(AccountStateRespSchema, { version: 10n }));
  peer.on(Command.ConversationList, list);
  return peer;
}

export async function connect(peer: ScriptedPeer, options: Partial<MessengerOptions> = {}): Promise<Messenger> {
  const client = await Messenger.connect({ url: peer.url, token: "a token", ...options });
  afterwards(() => client.close(), true);
  return client;
}

/** The answer of a list with one conversation, with bob. */
export const listed = (activityId: bigint, unread: number) => ({
  conversations: [
    { account: "bob", activityId, unread, readId: 5n, lastMessage: { messageId: activityId, body: "x" } },
  ],
});

/** A message of bob's. */
export function push(peer: ScriptedPeer, messageId: bigint): void {
  const message = { messageId, previousId: messageId - 1n, sender: "bob", type: 1, body: `body ${messageId}` };
  peer.latest.push(Command.UserTalk, "alice", MessagePushSchema, message);
}

/** Answers who asks for what came after an id below 20,000 that it has to read all again, up to there. */
export function reset(request: PeerRequest): void {
  const { messageId } = request.body(MessageIndexReqSchema);
  request.respond(MessageIndexRespSchema, { lastId: 20_000n, reset: messageId < 20_000n });
}

/** Has a client ask, and read all again. */
export function resetLog(peer: ScriptedPeer): void {
  peer.on(Command.OfflineIndex, reset);
  peer.latest.push(Command.Sync, "", MessagePushSchema, {});
}
