// What a store answers to a request for contents, decoded.

import { fromBinary } from "@bufbuild/protobuf";
import type { Store } from "../../src/store/store.ts";
import type { Content } from "../../src/wire/message-contents.ts";
import { MessageContentRespSchema } from "../../src/wire/gen/pkt_pb.ts";

export async function contentsOf(
  store: Pick<Store, "contents">,
  ...request: Parameters<Store["contents"]>
): Promise<Content[]> {
  const { contents } = fromBinary(MessageContentRespSchema, await store.contents(...request));
  return contents.map(({ messageId, type, body, extra }) => ({ messageId, type, body, extra }));
}
