// Bodies, decoded strictly. The generated decoder skips an unknown field (or a known one of a foreign wire type) without
// asking whether it ends inside the message; a body that is cut short or is no protobuf at all would pass for empty.

import { fromBinary, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { next, readTag, skipField } from "./proto-reader.ts";

/** Decodes a body; undefined when the bytes are not such a message. */
export function decodeBody<Desc extends DescMessage>(schema: Desc, bytes: Uint8Array): MessageShape<Desc> | undefined {
  if (!isWellFormed(bytes)) return undefined;
  try {
    return fromBinary(schema, bytes);
  } catch {
    // Whatever the decoder stumbled over, the answer is the same: not such a message.
    return undefined;
  }
}

/** True when the bytes are a run of whole fields. */
function isWellFormed(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length;) {
    const tag = readTag(bytes, at, bytes.length);
    if (next < 0) return false;
    at = skipField(bytes, next, bytes.length, tag & 7);
    if (at < 0) return false;
  }
  return true;
}
