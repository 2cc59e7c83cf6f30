// A sign-in with a bad token: the server refuses it, and its log names the client's address.

import { create, toBinary } from "@bufbuild/protobuf";
import { Command } from "../../src/wire/commands.ts";
import { LoginReqSchema } from "../../src/wire/gen/pkt_pb.ts";
import { encodeLogicPacket } from "../../src/wire/packet.ts";

const packet = encodeLogicPacket(
  { command: Command.SignIn, sequence: 1 },
  toBinary(LoginReqSchema, create(LoginReqSchema, { token: "no token" })),
);

/** A frame of TCP. */
export const signInFrame: Buffer = Buffer.concat([Buffer.from([2, 0, 0, 0, packet.length]), packet]);

/** A binary message of a WebSocket, masked with zeros. */
export const signInMessage: Buffer = Buffer.concat([Buffer.from([0x82, 0x80 | packet.length, 0, 0, 0, 0]), packet]);
