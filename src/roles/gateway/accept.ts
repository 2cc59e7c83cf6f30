// Handles a connection's first packet, which must be login.signin with a valid token. The token identifies the client;
// the login service admits or refuses it, and its answer is the first packet that the client receives.

import { create, toBinary } from "@bufbuild/protobuf";
import { deviceBytesMax, headerBytesMax, headerFieldsMax } from "../../base/limits/fixed.ts";
import { decodeBody } from "../../wire/body.ts";
import {
  type CloseReason,
  CloseCode,
  closeBanned,
  closeLimit,
  closeProtocolFault,
  closeRevoked,
  closeUnauthorised,
} from "../../wire/close-reason.ts";
import { Command } from "../../wire/commands.ts";
import { passedFeatures } from "../../wire/features.ts";
import { LoginReqSchema, SessionSchema, Status, type LoginReq } from "../../wire/gen/pkt_pb.ts";
import { PacketKind, PacketScan, scanPacket } from "../../wire/packet-scan.ts";
import { refuseRequest } from "./answer.ts";
import type { Channel } from "./channel.ts";
import type { Gateway } from "./gateway.ts";
import { ChannelState } from "./channel-state.ts";
import { forwarded, loginService } from "./forwarded.ts";
import { receiveRequest } from "./uplink.ts";

const scan = new PacketScan();
const closeNoService: CloseReason = { code: CloseCode.Overload, text: "no login service" };

type Refuse = (status: Status, sentence: string, reason: CloseReason) => void;

/** Returns a function that refuses a sign-in: it sends the response and closes the connection. */
function refuser(gateway: Gateway, channel: Channel, command: string, sequence: number): Refuse {
  return (status, sentence, reason) => {
    gateway.people.refused(channel, sentence);
    refuseRequest(gateway, channel, command, sequence, status, sentence);
    channel.connection.close(reason);
  };
}

/** Handles the first packet of a connection. `packet` is a view. */
export function acceptSignIn(gateway: Gateway, channel: Channel, packet: Buffer): void {
  const { connection } = channel;
  scanPacket(packet, scan, headerBytesMax, headerFieldsMax);
  if (scan.kind === PacketKind.Malformed) {
    const fault = scan.fault ?? closeProtocolFault("malformed packet");
    gateway.metrics.protocolFault("packet");
    connection.close(fault);
    return;
  }
  const isLogic = scan.kind === PacketKind.Logic;
  const command = isLogic ? gateway.commands.intern(packet, scan.commandStart, scan.commandEnd) : "";
  const sequence = isLogic ? scan.sequence : 0;
  const refuse = refuser(gateway, channel, command, sequence);
  if (command !== Command.SignIn) {
    refuse(Status.InvalidCommand, "sign in first", closeProtocolFault("sign in first"));
    return;
  }
  if (!gateway.limits.signIn(connection.remoteAddress)) {
    refuse(Status.RateLimited, "too many sign-ins from this address, try again later", closeLimit);
    return;
  }
  const request = decodeBody(LoginReqSchema, packet.subarray(scan.bodyStart, scan.bodyEnd));
  if (request === undefined) {
    refuse(Status.InvalidPacketBody, "the body is not a LoginReq", closeProtocolFault("bad sign-in"));
    return;
  }
  if (Buffer.byteLength(request.device) > deviceBytesMax || !/^[\x20-\x7e]*$/.test(request.device)) {
    const sentence = `device is at most ${deviceBytesMax} printable ASCII characters`;
    refuse(Status.InvalidPacketBody, sentence, closeProtocolFault("bad device"));
    return;
  }
  channel.state = ChannelState.Verifying;
  // A rejection is a bug: `verify` resolves for every token.
  verifyAndForward(gateway, channel, request, sequence).catch((bug: unknown) => connection.fail(bug));
}

async function verifyAndForward(
  gateway: Gateway,
  channel: Channel,
  request: LoginReq,
  sequence: number,
): Promise<void> {
  const { connection } = channel;
  const refuse = refuser(gateway, channel, Command.SignIn, sequence);
  const verdict = await gateway.verifier.verify(request.token, () =>
    gateway.limits.chargeSignIn(connection.remoteAddress),
  );
  if (channel.state !== ChannelState.Verifying || !connection.isOpen) return;
  if (!verdict.ok) {
    refuse(Status.Unauthorized, verdict.reason, closeUnauthorised);
    return;
  }
  channel.app = verdict.app;
  channel.account = verdict.account;
  channel.device = request.device;
  const banned = gateway.revocations.bannedUntil(verdict.app, verdict.account);
  if (banned !== undefined) {
    refuse(Status.Unauthorized, `the account is banned ${banned}`, closeBanned);
    return;
  }
  if (gateway.revocations.refuses(verdict.app, verdict.account, verdict.issuedAt)) {
    const sentence = "the token was revoked; sign in with one that was issued since";
    refuse(Status.Unauthorized, sentence, closeRevoked);
    return;
  }
  connection.identified();
  channel.signedInMs = gateway.clock.monotonicMs();
  channel.issuedAt = verdict.issuedAt;
  channel.key = verdict.key;
  channel.expiresAt = gateway.expiries.endOf(verdict.expiresAt);
  channel.features = passedFeatures(request.features);
  channel.id = gateway.nextChannelId(verdict.account);
  const link = channel.linkOf(loginService, gateway.links);
  const ticket = link === undefined || gateway.isDraining ? -1 : link.pending.take(channel, sequence, Command.SignIn);
  if (link === undefined || ticket < 0) {
    if (link !== undefined && !gateway.isDraining) gateway.bounds.met("requestsPerLink", { node: link.id });
    refuseForNow(refuse);
    return;
  }
  const body = toBinary(
    SessionSchema,
    create(SessionSchema, {
      channelId: channel.id,
      gateId: gateway.serviceId,
      app: channel.app,
      account: channel.account,
      zone: request.zone,
      isp: request.isp,
      remoteIP: connection.remoteAddress,
      device: request.device,
      tags: request.tags,
      features: [...channel.features],
    }),
  );
  // Register the channel before the request is sent, so that the answer finds it.
  channel.state = ChannelState.Pending;
  gateway.channels.set(channel.id, channel);
  gateway.expiries.watch(channel);
  channel.unanswered++;
  if (link.connection.send(forwarded(gateway.serviceId, channel, Command.SignIn, sequence, ticket, body))) return;
  // The link is full. The login service does not know this connection, so no sign-out follows.
  link.pending.release(ticket);
  channel.unanswered--;
  gateway.channels.delete(channel.id);
  gateway.expiries.forget(channel);
  channel.state = ChannelState.Verifying;
  refuseForNow(refuse);
}

/** Refuses a sign-in because no login service is available now. */
function refuseForNow(refuse: Refuse): void {
  refuse(Status.ServiceUnavailable, "no login service can take this, try again", closeNoService);
}

/** Handles a successful sign-in, whose answer is queued: delivers the frames that waited in both directions. */
export function goLive(gateway: Gateway, channel: Channel): void {
  channel.state = ChannelState.Live;
  channel.connection.frameBytesMax = gateway.bounds.values.frameBytes;
  gateway.tally.add(channel.id);
  gateway.people.signedIn(channel);
  const held = channel.endSignIn(gateway.wheel);
  if (held === undefined) return;
  for (const packet of held.down) channel.connection.send(packet);
  for (const packet of held.up) {
    if (channel.state === ChannelState.Live) receiveRequest(gateway, channel, packet, 0, packet.length);
  }
}
