// The answer to a talk, read by hand: of a request to many receivers, the generated code would cost a fifth of what
// this process does with it.

import { assert } from "../base/assert.ts";
import { next, readVarint64 } from "../wire/proto-reader.ts";

const messageIdTag = 0x08;
const sendTimeTag = 0x10;

/** Returns a MessageResp of this process, whose fields are in order: `08 messageId · 10 sendTime`. */
export function readTalkAnswer(body: Uint8Array): { readonly messageId: bigint; readonly sendTime: bigint } {
  assert(body[0] === messageIdTag, "a stored message has an id");
  const messageId = readVarint64(body, 1, body.length);
  assert(next > 0 && body[next] === sendTimeTag, "a stored message has a time");
  return { messageId, sendTime: readVarint64(body, next + 1, body.length) };
}
