// One who makes a group for an attack, in good order.

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Command } from "../../src/wire/commands.ts";
import { GroupCreateReqSchema, GroupCreateRespSchema } from "../../src/wire/gen/pkt_pb.ts";
import { LoadClient } from "../generator/load-client.ts";
import type { Place } from "./attack.ts";

const ignored = { answered() {}, pushed() {}, lost() {} };

export interface Owner {
  readonly client: LoadClient;
  readonly group: string;
}

/** Signs in and makes a group of these members. Rejects with a sentence. */
export async function ownerOf({ ws, secret, app }: Place, members: readonly string[]): Promise<Owner> {
  if (ws === undefined) throw new Error("the server takes no clients over WebSocket");
  const client = await LoadClient.signIn({ endpoint: ws, secret, app, processes: [] }, "group-owner", ignored);
  const request = create(GroupCreateReqSchema, { name: "crowd", members: [...members] });
  const { status, body } = await client.request(Command.GroupCreate, "", toBinary(GroupCreateReqSchema, request));
  if (status !== 0) throw new Error(`a group of ${members.length} members was refused with status ${status}`);
  return { client, group: fromBinary(GroupCreateRespSchema, body).groupId };
}
