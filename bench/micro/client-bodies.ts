// The codec of the client library, beside the one of the server, which generated code and a runtime make.

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Header } from "../../src/wire/gen/messages/header.ts";
import { MessagePush } from "../../src/wire/gen/messages/message-push.ts";
import { MessageReq } from "../../src/wire/gen/messages/message-req.ts";
import { HeaderSchema, MessagePushSchema, MessageReqSchema } from "../../src/wire/gen/pkt_pb.ts";
import { decodeMessage, encodeMessage } from "../../src/wire/message-codec.ts";
import type { Topic } from "./case.ts";
import { pushMessage, scanOf, talkPacket } from "./sample.ts";

export function clientBodiesTopic(): Topic {
  const header = talkPacket.subarray(8, scanOf(talkPacket).headerEnd);
  const talk = { type: 1, body: "x".repeat(100), clientId: "0b6d1f1e-6a5e-4c3b-9d53-8a3d5a2f4f11" };
  const push = encodeMessage(MessagePush, pushMessage);
  return {
    cases: [
      { name: "client-bodies/Header decoded, by tables", run: () => decodeMessage(Header, header) },
      { name: "client-bodies/Header decoded, generated", run: () => fromBinary(HeaderSchema, header) },
      { name: "client-bodies/MessagePush decoded, by tables", run: () => decodeMessage(MessagePush, push) },
      { name: "client-bodies/MessagePush decoded, generated", run: () => fromBinary(MessagePushSchema, push) },
      { name: "client-bodies/MessageReq encoded, by tables", run: () => encodeMessage(MessageReq, talk) },
      {
        name: "client-bodies/MessageReq encoded, generated",
        run: () => toBinary(MessageReqSchema, create(MessageReqSchema, talk)),
      },
      { name: "client-bodies/MessagePush encoded, by tables", run: () => encodeMessage(MessagePush, pushMessage) },
      {
        name: "client-bodies/MessagePush encoded, generated",
        run: () => toBinary(MessagePushSchema, create(MessagePushSchema, pushMessage)),
      },
    ],
  };
}
