// Answers of megabytes to requests of kilobytes, which nobody reads: of many connections at once, and one after another
// on one connection.

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Command } from "../../../src/wire/commands.ts";
import { MessageContentReqSchema, MessageReqSchema, MessageRespSchema } from "../../../src/wire/gen/pkt_pb.ts";
import type { Attack, Stage } from "../attack.ts";
import { crowd } from "../crowd.ts";
import { ownerOf } from "../owner.ts";
import { RawClient } from "../raw-client.ts";

/** One answer: 200 messages as long as they may be, 4 MB. */
const messages = 200;
const bodyBytes = 16_000;
const extraBytes = 4_000;
const messageBytes = bodyBytes + extraBytes;
const readers = 160;
/** Requests that one connection sends before it reads. */
const pipelined = 200;

const nameOf = (index: number): string => `reader-${index}`;

/** Stores messages that all readers may read; the body of a request for all of them. */
async function fill({ place, many }: Stage): Promise<Uint8Array> {
  const members = Array.from({ length: many(readers) }, (_, index) => nameOf(index));
  const { client, group } = await ownerOf(place, members);
  const message = create(MessageReqSchema, { type: 1, body: "x".repeat(bodyBytes), extra: "y".repeat(extraBytes) });
  const talk = toBinary(MessageReqSchema, message);
  const messageIds: bigint[] = [];
  for (let count = 0; count < many(messages); count++) {
    const { status, body } = await client.request(Command.GroupTalk, group, talk);
    if (status !== 0) throw new Error(`a message was refused with status ${status}`);
    messageIds.push(fromBinary(MessageRespSchema, body).messageId);
  }
  client.disconnect();
  return toBinary(MessageContentReqSchema, create(MessageContentReqSchema, { messageIds }));
}

/** Connections that ask and do not read. */
function unread({ place }: Stage, body: Uint8Array, readerCount: number, requests: number): Promise<void> {
  return crowd(readerCount, async (index) => {
    const client = await RawClient.signIn(place, "tcp", nameOf(index), `198.51.100.${index}`);
    const { socket } = client;
    socket.deafen();
    for (let request = 0; request < requests && !socket.isClosed; request++)
      void client.send(Command.OfflineContent, "", body, request + 2);
    return socket;
  });
}

export const largeAnswers: readonly Attack[] = [
  {
    name: "slow-readers",
    what: `${readers} connections ask once for ${messages} messages of ${messageBytes} bytes, and read nothing`,
    scene: "standalone",
    async prepare(stage) {
      const body = await fill(stage);
      return () => unread(stage, body, stage.many(readers), 1);
    },
  },
  {
    name: "pipelined-contents",
    what: `one connection asks ${pipelined} times for ${messages} messages of ${messageBytes} bytes, and reads nothing`,
    scene: "standalone",
    async prepare(stage) {
      const body = await fill(stage);
      return () => unread(stage, body, 1, stage.many(pipelined));
    },
  },
];
