// What gateways and services do to packets without decoding them, and beside it what the generated code would cost.

import { fromBinary } from "@bufbuild/protobuf";
import { Command } from "../../src/wire/commands.ts";
import { HeaderSchema } from "../../src/wire/gen/pkt_pb.ts";
import { PacketScan, scanPacket } from "../../src/wire/packet-scan.ts";
import {
  cutBytes,
  responseBytes,
  stampedBytes,
  writeCut,
  writePush,
  writeResponse,
  writeStamped,
} from "../../src/wire/packet-stamp.ts";
import type { Topic } from "./case.ts";
import {
  answerPacket,
  gateway,
  pushPacket,
  receiver,
  receiverChannel,
  requestBody,
  scanOf,
  senderChannel,
  stamp,
  stampedTalk,
  talkPacket,
} from "./sample.ts";
import { SinkConnection } from "./sink.ts";

export function packetsTopic(): Topic {
  const scan = new PacketScan();
  const target = Buffer.alloc(4096);
  const room = new SinkConnection();
  const header = talkPacket.subarray(8, scanOf(talkPacket).headerEnd);
  const requestScan = scanOf(stampedTalk);
  const body = Buffer.alloc(20);
  const scanned = (packet: Buffer) => () => {
    scanPacket(packet, scan);
    return scan.bodyEnd;
  };
  return {
    cases: [
      { name: "packets/scan of a client's header", run: scanned(talkPacket) },
      { name: "packets/scan of a stamped header", run: scanned(stampedTalk) },
      { name: "packets/generated decoding of a client's header", run: () => fromBinary(HeaderSchema, header) },
      {
        name: "packets/scan and stamp",
        run: () => {
          scanPacket(talkPacket, scan);
          return stampedBytes(scan, stamp.length) + writeStamped(target, 0, talkPacket, scan, stamp, 1);
        },
      },
      {
        name: "packets/scan and cut of an answer",
        run: () => {
          scanPacket(answerPacket, scan);
          return cutBytes(scan) + writeCut(target, 0, answerPacket, scan);
        },
      },
      {
        name: "packets/scan and cut of a push",
        run: () => {
          scanPacket(pushPacket, scan);
          return cutBytes(scan) + writeCut(target, 0, pushPacket, scan);
        },
      },
      {
        name: "packets/response to a scanned request",
        run: () =>
          responseBytes(stampedTalk, requestScan, 0, gateway, body) +
          writeResponse(target, 0, stampedTalk, requestScan, 0, gateway, body),
      },
      {
        name: "packets/push",
        run: () =>
          writePush(room, Command.UserTalk, senderChannel, 4_711, receiver, requestBody, gateway, receiverChannel),
      },
    ],
  };
}
