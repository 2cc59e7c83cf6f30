// Packets that the gateway itself sends to clients: refusals of requests, and the hint to read the index. They are off
// the hot path, so the generated code encodes them.

import { create, toBinary } from "@bufbuild/protobuf";
import type { ServiceMetrics } from "../../observe/metrics.ts";
import { Command } from "../../wire/commands.ts";
import { ErrorRespSchema, Flag, type Status } from "../../wire/gen/pkt_pb.ts";
import { encodeLogicPacket } from "../../wire/packet.ts";
import type { Channel } from "./channel.ts";

/** Answers one request with a status and a sentence. */
export function refuseRequest(
  { metrics }: { readonly metrics: ServiceMetrics },
  channel: Channel,
  command: string,
  sequence: number,
  status: Status,
  sentence: string,
): void {
  metrics.refused(status);
  const body = toBinary(ErrorRespSchema, create(ErrorRespSchema, { message: sentence }));
  channel.connection.send(
    encodeLogicPacket({ command, channelId: channel.id, sequence, flag: Flag.Response, status }, body),
  );
}

/** `chat.sync`: the client may have missed pushes and reads the index (proto/README.md). */
export const syncHint: Uint8Array = encodeLogicPacket({ command: Command.Sync, flag: Flag.Push }, new Uint8Array(0));
