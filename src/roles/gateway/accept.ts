// A connection's first packet: it must be login.signin with a good token. The token decides who the client is; the
// login service decides whether it may be here, and its answer is the first packet that the client gets.

import { create, toBinary } from "@bufbuild/protobuf";
import { deviceBytesMax, headerBytesMax, headerFieldsMax } from "../../base/limits/fixed.ts";
import { decodeBody } from "../../wire/body.ts";
import {
  type CloseReason,
  CloseCode,
  closeLimit,
  closeProtocolFault,
  closeRevoked,
  closeUnauthorised,
} from "../../wire/close-reason.ts";
import { Command, MetaKey, serviceOf } from "../../wire/commands.ts";
import { passedFeatures } from "../../wire/features.ts";
import { LoginReqSchema, MetaType, SessionSchema, Status, type LoginReq } from "../../wire/gen/pkt_pb.ts";
import { encodeLogicPacket } from "../../wire/packet.ts";
import { PacketKind, PacketScan, scanPacket } from "../../wire/packet-scan.ts";
import type { Link } from "../../routing/links.ts";
import { refuseRequest } from "./answer.ts";
import type { Gateway } from "./gateway.ts";
import type { Channel } from "./channel.ts";
import { ChannelState } from "./channel-state.ts";

const scan = new PacketScan();
const loginService = serviceOf(Command.SignIn) ?? "";
const closeNoService: CloseReason = { code: CloseCode.Overload, text: "no login service" };

/** Refuses a sign-in: the response, then the end. */
function refuse(
  channel: Channel,
  command: string,
  sequence: number,
  status: Status,
  sentence: string,
  reason: CloseReason,
): void {
  channel.gateway.people.refused(channel, sentence);
  refuseRequest(channel, command, sequence, status, sentence);
  channel.connection.close(reason);
}

/** Reads the first packet of a connection. `packet` is a view. */
export function acceptSignIn(channel: Channel, packet: Buffer): void {
  const { gateway, connection } = channel;
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
  if (command !== Command.SignIn) {
    refuse(channel, command, sequence, Status.InvalidCommand, "sign in first", closeProtocolFault("sign in first"));
    return;
  }
  if (!gateway.limits.signIn(connection.remoteAddress)) {
    refuse(
      channel,
      command,
      sequence,
      Status.RateLimited,
      "too many sign-ins from this address, try again later",
      closeLimit,
    );
    return;
  }
  const request = decodeBody(LoginReqSchema, packet.subarray(scan.bodyStart, scan.bodyEnd));
  if (request === undefined) {
    refuse(
      channel,
      command,
      sequence,
      Status.InvalidPacketBody,
      "the body is not a LoginReq",
      closeProtocolFault("bad sign-in"),
    );
    return;
  }
  if (Buffer.byteLength(request.device) > deviceBytesMax || !/^[\x20-\x7e]*$/.test(request.device)) {
    const sentence = `device is at most ${deviceBytesMax} printable ASCII characters`;
    refuse(channel, command, sequence, Status.InvalidPacketBody, sentence, closeProtocolFault("bad device"));
    return;
  }
  channel.state = ChannelState.Verifying;
  // A rejection here is a bug: verify answers a verdict for every token.
  verifyAndForward(channel, request, sequence).catch((bug: unknown) => connection.fail(bug));
}

async function verifyAndForward(channel: Channel, request: LoginReq, sequence: number): Promise<void> {
  const { gateway, connection } = channel;
  const verdict = await gateway.verifier.verify(request.token);
  if (channel.state !== ChannelState.Verifying || !connection.isOpen) return;
  if (!verdict.ok) {
    refuse(channel, Command.SignIn, sequence, Status.Unauthorized, verdict.reason, closeUnauthorised);
    return;
  }
  channel.app = verdict.app;
  channel.account = verdict.account;
  channel.device = request.device;
  if (gateway.revocations.refuses(verdict.app, verdict.account, verdict.issuedAt)) {
    const sentence = "the token was revoked; sign in with one that was issued since";
    refuse(channel, Command.SignIn, sequence, Status.Unauthorized, sentence, closeRevoked);
    return;
  }
  connection.identified();
  channel.signedInMs = gateway.monotonicMs();
  channel.issuedAt = verdict.issuedAt;
  channel.key = verdict.key;
  channel.expiresAt = gateway.expiries.endOf(verdict.expiresAt);
  channel.features = passedFeatures(request.features);
  channel.id = gateway.nextChannelId(verdict.account);
  const link = channel.linkOf(loginService);
  const ticket = link === undefined || gateway.isDraining ? -1 : link.pending.take(channel, sequence, Command.SignIn);
  if (link === undefined || ticket < 0) {
    if (link !== undefined && !gateway.isDraining) gateway.bounds.met("requestsPerLink", { node: link.id });
    refuseForNow(channel, sequence);
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
  // Registered before it is forwarded: the answer may not overtake the channel (pitfall 19).
  channel.state = ChannelState.Pending;
  gateway.channels.set(channel.id, channel);
  gateway.expiries.watch(channel);
  channel.unanswered++;
  if (link.connection.send(forwarded(senderOf(channel), Command.SignIn, sequence, ticket, body))) return;
  // The link is full. Nobody has heard of this connection: nobody is told of its end.
  link.pending.release(ticket);
  channel.unanswered--;
  gateway.channels.delete(channel.id);
  gateway.expiries.forget(channel);
  channel.state = ChannelState.Verifying;
  refuseForNow(channel, sequence);
}

/** Refuses a sign-in that no login service can take now. */
function refuseForNow(channel: Channel, sequence: number): void {
  const sentence = "no login service can take this, try again";
  refuse(channel, Command.SignIn, sequence, Status.ServiceUnavailable, sentence, closeNoService);
}

/** Tells the login service that a connection has ended. */
export function signOut(channel: Channel): void {
  channel.gateway.signOuts.add(channel, channel.linkOf(loginService));
}

/** Connections in one turn of the event loop; each costs some microseconds. */
const restoredInTurn = 256;
/** Until it is tried again where the link is full. */
const fullMs = 10;

/** Sends the sessions of all connections that are signed in, because the login service has lost them; some in each turn. */
export function restoreSessions(gateway: Gateway, link: Link<Channel>): void {
  const channels = gateway.channels.values();
  let restored = 0;
  /** Met a link that was full. */
  let unsent: Channel | undefined;
  const step = (): void => {
    if (!link.connection.isOpen) return;
    if (unsent !== undefined && mayBeRestored(unsent)) {
      if (!restoreSession(unsent, link)) {
        setTimeout(step, fullMs);
        return;
      }
      restored++;
    }
    unsent = undefined;
    for (let looked = 0; looked < restoredInTurn; looked++) {
      const { value: channel, done } = channels.next();
      if (done === true) {
        if (restored > 0) gateway.log.info("sessions are sent again", { sessions: restored, node: link.id });
        return;
      }
      if (!mayBeRestored(channel)) continue;
      if (restoreSession(channel, link)) restored++;
      else {
        unsent = channel;
        setTimeout(step, fullMs);
        return;
      }
    }
    setImmediate(step);
  };
  step();
}

/** False: the session is not to be sent again. Whoever is being sent away does not come back that way. */
export function mayBeRestored({ state, connection, gateway, app, account, issuedAt }: Channel): boolean {
  return state === ChannelState.Live && connection.isOpen && !gateway.revocations.refuses(app, account, issuedAt);
}

/** Sends the session of one of them. False: the link is full or closed. */
export function restoreSession(channel: Channel, link: Link<Channel>): boolean {
  const { id, device, features, gateway } = channel;
  const session = create(SessionSchema, {
    ...{ channelId: id, gateId: gateway.serviceId, device, features: [...features] },
  });
  gateway.signOuts.restored(link);
  return link.connection.send(forwarded(senderOf(channel), Command.Restore, 0, 0, toBinary(SessionSchema, session)));
}

function senderOf({ id, app, account, gateway }: Channel): Parameters<typeof forwarded>[0] {
  return { id, app, account, serviceId: gateway.serviceId };
}

/** A packet to the login service in the name of a connection. */
export function forwarded(
  sender: { readonly id: string; readonly app: string; readonly account: string; readonly serviceId: string },
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
      meta: [
        meta(MetaKey.App, sender.app),
        meta(MetaKey.Account, sender.account),
        meta(MetaKey.DestServer, sender.serviceId),
      ],
      ticket,
    },
    body,
  );
}
