// The requests that tests send most, as functions of a wire client.

import { fromBinary, type DescMessage, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import { Command } from "../../src/wire/commands.ts";
import {
  GroupCreateReqSchema,
  GroupCreateRespSchema,
  MessageContentReqSchema,
  MessageContentRespSchema,
  MessageIndexReqSchema,
  MessageIndexRespSchema,
  MessageReqSchema,
  MessageRespSchema,
  Status,
  type MessageContent,
  type MessageIndex,
  type MessageResp,
} from "../../src/wire/gen/pkt_pb.ts";
import { sentenceOf, type Answer, type WireClient } from "./wire-client.ts";

/** The answer, if it is Success; else fails the test with its sentence. */
export function succeeded(answer: Answer): Answer {
  if (answer.status !== Status.Success)
    throw new Error(`${answer.header.command}: ${answer.status} ${sentenceOf(answer)}`);
  return answer;
}

/** Sends a request without a destination. */
export function ask<Desc extends DescMessage>(
  client: WireClient,
  command: string,
  schema: Desc,
  init: MessageInitShape<Desc>,
): Promise<Answer> {
  return client.request(command, "", schema, init);
}

/** The body of the answer to a request without a `dest`, which succeeds. */
export async function asked<Request extends DescMessage, Response extends DescMessage>(
  client: WireClient,
  command: string,
  request: Request,
  init: MessageInitShape<Request>,
  response: Response,
): Promise<MessageShape<Response>> {
  return fromBinary(response, succeeded(await ask(client, command, request, init)).body);
}

export async function talk(client: WireClient, to: string, body: string, clientId = ""): Promise<MessageResp> {
  const answer = await client.request(Command.UserTalk, to, MessageReqSchema, { type: 1, body, clientId });
  return fromBinary(MessageRespSchema, succeeded(answer).body);
}

export async function groupTalk(client: WireClient, group: string, body: string): Promise<MessageResp> {
  const answer = await client.request(Command.GroupTalk, group, MessageReqSchema, { type: 1, body });
  return fromBinary(MessageRespSchema, succeeded(answer).body);
}

export async function createGroup(client: WireClient, members: string[], closed = false): Promise<string> {
  const answer = await client.request(Command.GroupCreate, "", GroupCreateReqSchema, {
    name: "a group",
    members,
    closed,
  });
  return fromBinary(GroupCreateRespSchema, succeeded(answer).body).groupId;
}

export async function readIndex(client: WireClient, after = 0n, includeSent = false): Promise<MessageIndex[]> {
  const answer = await client.request(Command.OfflineIndex, "", MessageIndexReqSchema, {
    messageId: after,
    includeSent,
  });
  return fromBinary(MessageIndexRespSchema, succeeded(answer).body).indexes;
}

export async function readContents(client: WireClient, messageIds: bigint[]): Promise<MessageContent[]> {
  const answer = await client.request(Command.OfflineContent, "", MessageContentReqSchema, { messageIds });
  return fromBinary(MessageContentRespSchema, succeeded(answer).body).contents;
}
