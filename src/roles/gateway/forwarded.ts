// Packets that the gateway itself makes for a service, in the name of a connection or of nobody.

import { Command, MetaKey, serviceOf } from "../../wire/commands.ts";
import { MetaType } from "../../wire/gen/pkt_pb.ts";
import { encodeLogicPacket } from "../../wire/packet.ts";

export const loginService = serviceOf(Command.SignIn) ?? "";

/** Returns a packet to the service of `command`. `gateId` says where its answer goes. */
export function forwarded(
  gateId: string,
  sender: { readonly id: string; readonly app: string; readonly account: string },
  command: string,
  sequence: number,
  ticket: number,
  body: Uint8Array,
): Uint8Array {
  const meta = (key: string, value: string) => ({ key, value, type: MetaType.string });
  return encodeLogicPacket(
    {
      command,
      sequence,
      channelId: sender.id,
      meta: [meta(MetaKey.App, sender.app), meta(MetaKey.Account, sender.account), meta(MetaKey.DestServer, gateId)],
      ticket,
    },
    body,
  );
}

/** Returns a packet in the name of the gateway: of no connection, and without a ticket. */
export const ownPacket = (gateId: string, command: string, body: Uint8Array): Uint8Array =>
  forwarded(gateId, { id: "", app: "", account: "" }, command, 0, 0, body);
