// The packets that the cases are about: a talk of 100 bytes and what becomes of it on its way, as the parties write
// them.

import { create, toBinary } from "@bufbuild/protobuf";
import { Command } from "../../src/wire/commands.ts";
import { MessagePushSchema, MessageReqSchema } from "../../src/wire/gen/pkt_pb.ts";
import { encodeLogicPacket } from "../../src/wire/packet.ts";
import {
  encodeStamp,
  responseBytes,
  stampedBytes,
  writePush,
  writeResponse,
  writeStamped,
} from "../../src/wire/packet-stamp.ts";
import { PacketScan, scanPacket } from "../../src/wire/packet-scan.ts";
import { SinkConnection } from "./sink.ts";

export const gateway = "gateway-1";
export const app = "bench";
export const sender = "sender-17";
export const receiver = "receiver-17";
export const senderChannel = `${gateway}_${sender}_htz3k9w0`;
export const receiverChannel = `${gateway}_${receiver}_htz3k9w1`;
/** An id and a time as they are in these years. */
export const messageId = 912_345_678_901_234_567n;
export const sendTime = 1_795_000_000_123_456_789n;
export const text = "a message of a hundred bytes, as people write them to each other all day".padEnd(100, ".");

export const requestBody = Buffer.from(toBinary(MessageReqSchema, create(MessageReqSchema, { type: 1, body: text })));

export const pushMessage = {
  messageId,
  type: 1,
  body: text,
  extra: "",
  sender,
  sendTime,
  previousId: messageId - 4_194_304n,
};

/** A client's talk. */
export const talkPacket = Buffer.from(
  encodeLogicPacket({ command: Command.UserTalk, dest: receiver, sequence: 4_711 }, requestBody),
);

/** What the gateway appends to each of the sender's packets. */
export const stamp = encodeStamp(senderChannel, app, sender, gateway);

/** The same talk on its way to the chat service. */
export const stampedTalk = ((): Buffer => {
  const scan = scanOf(talkPacket);
  const packet = Buffer.alloc(stampedBytes(scan, stamp.length, 1));
  writeStamped(packet, 0, talkPacket, scan, stamp, 1);
  return packet;
})();

/** Its answer on the way to the gateway. */
export const answerPacket = ((): Buffer => {
  const scan = scanOf(stampedTalk);
  const body = Buffer.alloc(20);
  const packet = Buffer.alloc(responseBytes(stampedTalk, scan, 0, gateway, body));
  writeResponse(packet, 0, stampedTalk, scan, 0, gateway, body);
  return packet;
})();

/** Its push on the way to the gateway. */
export const pushPacket = ((): Buffer => {
  const room = new SinkConnection();
  const body = toBinary(MessagePushSchema, create(MessagePushSchema, pushMessage));
  writePush(room, Command.UserTalk, senderChannel, 4_711, receiver, body, gateway, receiverChannel);
  return Buffer.from(room.outbound.subarray(0, room.lastEnd));
})();

/** A fresh scan of a packet. */
export function scanOf(packet: Buffer): PacketScan {
  const scan = new PacketScan();
  scanPacket(packet, scan);
  return scan;
}
