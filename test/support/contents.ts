// What a store answers to a reader.

import { fromBinary } from "@bufbuild/protobuf";
import type { Store } from "../../src/store/store.ts";
import type { Content } from "../../src/wire/message-contents.ts";
import { MessageContentRespSchema } from "../../src/wire/gen/pkt_pb.ts";

/** Contents, decoded. */
export async function contentsOf(
  store: Pick<Store, "contents">,
  ...request: Parameters<Store["contents"]>
): Promise<Content[]> {
  const { contents } = fromBinary(MessageContentRespSchema, await store.contents(...request));
  return contents.map(({ messageId, type, body, extra }) => ({ messageId, type, body, extra }));
}

/** All ids of an account's index, page by page. */
export async function allIds(store: Store, account = "bob"): Promise<bigint[]> {
  const seen: bigint[] = [];
  for (let after = 1n; ;) {
    const page = await store.index({ app: "app", account, device: "", after, includeSent: false, limit: 2000 });
    const last = page.at(-1);
    if (last === undefined) return seen;
    for (const { messageId } of page) seen.push(messageId);
    after = last.messageId;
  }
}
