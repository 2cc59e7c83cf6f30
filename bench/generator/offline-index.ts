// Reads what waits for an account, as a client does that comes back.

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Command } from "../../src/wire/commands.ts";
import { MessageIndexReqSchema, MessageIndexRespSchema } from "../../src/wire/gen/pkt_pb.ts";
import type { LoadClient } from "./load-client.ts";

/** Ids in the order in which they came, and how many of them came after a greater one or again. */
export interface WaitingIndex {
  readonly ids: readonly bigint[];
  /** Of each of them. */
  readonly senders: readonly string[];
  readonly reordered: number;
}

/** Page by page, until one is empty. Throws when the server refuses, or does not come to an end. */
export async function readIndex(client: LoadClient): Promise<WaitingIndex> {
  const ids: bigint[] = [];
  const senders: string[] = [];
  let reordered = 0;
  let last = 0n;
  for (;;) {
    const request = toBinary(MessageIndexReqSchema, create(MessageIndexReqSchema, { messageId: last }));
    const { status, body } = await client.request(Command.OfflineIndex, "", request);
    if (status !== 0) throw new Error(`the index was refused with status ${status}`);
    const { indexes } = fromBinary(MessageIndexRespSchema, body);
    const before = last;
    for (const { messageId, accountB } of indexes) {
      ids.push(messageId);
      senders.push(accountB);
      if (messageId <= last) reordered++;
      else last = messageId;
    }
    if (indexes.length === 0) return { ids, senders, reordered };
    if (last === before) throw new Error("the index repeats itself and does not end");
  }
}
