// The bodies of talks, which every message costs: the request's decoding, the answer's and the push's encoding.

import { create, toBinary } from "@bufbuild/protobuf";
import { decodeBody } from "../../src/wire/body.ts";
import { MessagePushSchema, MessageReqSchema, MessageRespSchema } from "../../src/wire/gen/pkt_pb.ts";
import type { Topic } from "./case.ts";
import { messageId, pushMessage, requestBody, sendTime } from "./sample.ts";

export function bodiesTopic(): Topic {
  return {
    cases: [
      { name: "bodies/MessageReq decoded, generated", run: () => decodeBody(MessageReqSchema, requestBody) },
      {
        name: "bodies/MessageResp encoded, generated",
        run: () => toBinary(MessageRespSchema, create(MessageRespSchema, { messageId, sendTime })),
      },
      {
        name: "bodies/MessagePush encoded, generated",
        run: () => toBinary(MessagePushSchema, create(MessagePushSchema, pushMessage)),
      },
    ],
  };
}
