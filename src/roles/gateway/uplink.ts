// Forwards the requests of signed-in clients: a frame is parsed in place, stamped, and written directly to the outbound
// buffer of the selected node's link. One copy; no decoding, no promise, no string that is not interned.
// The bytes arrive in service/service.ts.

import { headerFieldsMax, headerBytesMax } from "../../base/limits/fixed.ts";
import { closeProtocolFault } from "../../wire/close-reason.ts";
import { Command, serviceOf } from "../../wire/commands.ts";
import { Status } from "../../wire/gen/pkt_pb.ts";
import { basicPong, BasicCode } from "../../wire/packet.ts";
import { cleanPacket } from "../../wire/packet-clean.ts";
import { PacketKind, PacketScan, scanPacket, scanPacketAt } from "../../wire/packet-scan.ts";
import { stampedBytes, writeStamped } from "../../wire/packet-stamp.ts";
import { refuseRequest } from "./answer.ts";
import type { Channel } from "./channel.ts";
import type { Gateway } from "./gateway.ts";
import { renewToken } from "./renew.ts";

/** Each full 32 KiB of a request counts as another request, for the cost of copying and decoding it. */
const requestBytesBits = 15;

/** Shared: each frame is handled completely before the next. */
const scan = new PacketScan();
/** The services of commands, cached to avoid a substring per message; bounded, and filled with all known commands. */
const services = new Map<string, string | undefined>(
  Object.values(Command).map((command) => [command, serviceOf(command)]),
);
const servicesMax = 1024;

function serviceOfInterned(command: string): string | undefined {
  const known = services.get(command);
  if (known !== undefined) return known;
  const service = serviceOf(command);
  if (service !== undefined && services.size < servicesMax) services.set(command, service);
  return service;
}

const reads: ReadonlySet<string> = new Set([
  Command.OfflineContent,
  Command.OfflineIndex,
  Command.History,
  Command.ConversationList,
]);

/**
 * The heartbeat of KIM's web SDK, which swaps the bytes of its code. Without an answer, the SDK considers the server
 * dead and reconnects in an endless loop.
 */
const swappedPing = BasicCode.Ping << 8;

/** Reports whether a command is a read whose answer may have megabytes. */
const isRead = (command: string): boolean => reads.has(command);

/** Forwards one request, bytes[start, end), or refuses it. The bytes are valid until this returns. */
export function receiveRequest(gateway: Gateway, channel: Channel, bytes: Buffer, start: number, end: number): void {
  let packet = bytes;
  scanPacketAt(bytes, start, end, scan, headerBytesMax, headerFieldsMax);
  if (scan.kind !== PacketKind.Logic) {
    if (scan.kind === PacketKind.Basic) {
      if (scan.basicCode === BasicCode.Ping || scan.basicCode === swappedPing) channel.connection.send(basicPong);
      return;
    }
    gateway.metrics.protocolFault("packet");
    channel.connection.close(scan.fault ?? closeProtocolFault("malformed packet"));
    return;
  }
  const { sequence } = scan;
  const command = gateway.commands.intern(packet, scan.commandStart, scan.commandEnd);
  const service = serviceOfInterned(command);
  gateway.metrics.countIn(command);
  const { wheel, bounds } = gateway;
  const requests = channel.requests ?? channel.startRequests(gateway.serviceId, bounds.values, wheel.nowMs);
  if (!requests.take(wheel.nowMs, 1 + ((end - start) >>> requestBytesBits))) {
    bounds.met("requestsPerSecond", { account: channel.account });
    gateway.metrics.rateLimited();
    const sentence = "too many requests on this connection, slow down";
    refuseRequest(gateway, channel, command, sequence, Status.RateLimited, sentence);
    return;
  }
  const { metasPerRequest } = gateway.bounds.values;
  if (scan.metas > metasPerRequest) {
    gateway.bounds.met("metasPerRequest", { account: channel.account });
    const sentence = `a request's header has at most ${metasPerRequest} metas`;
    refuseRequest(gateway, channel, command, sequence, Status.InvalidPacketBody, sentence);
    return;
  }
  if (service === "login") {
    if (command === Command.Renew) {
      renewToken(gateway, channel, sequence, packet.subarray(scan.bodyStart, scan.bodyEnd));
      return;
    }
    refuseRequest(gateway, channel, command, sequence, Status.InvalidCommand, "this connection is already signed in");
    return;
  }
  if (service === undefined || !gateway.links.knows(service)) {
    const sentence = `there is no service for the command ${JSON.stringify(command.slice(0, 64))}`;
    refuseRequest(gateway, channel, command, sequence, Status.NotImplemented, sentence);
    return;
  }
  const { readerUnsentBytes } = gateway.bounds.values;
  if (channel.connection.unsentBytes > readerUnsentBytes && isRead(command)) {
    gateway.bounds.met("readerUnsentBytes", { account: channel.account });
    const sentence = "read the answers that were sent to you before you ask for more";
    refuseRequest(gateway, channel, command, sequence, Status.RateLimited, sentence);
    return;
  }
  const link = gateway.isLeaving(channel) ? undefined : channel.linkOf(service, gateway.links);
  const ticket = link === undefined ? -1 : link.pending.take(channel, sequence, command);
  if (link === undefined || ticket < 0) {
    if (link === undefined) gateway.metrics.noServerFound("");
    else gateway.bounds.met("requestsPerLink", { service, node: link.id });
    const sentence = `no ${service} service can take this now, try again`;
    refuseRequest(gateway, channel, command, sequence, Status.ServiceUnavailable, sentence);
    return;
  }
  if (!scan.isPlain) {
    // The header contains fields that only services may set, or repeated fields.
    packet = cleanPacket(packet, scan);
    scanPacket(packet, scan);
  }
  const { connection } = link;
  const at = connection.reserve(stampedBytes(scan, requests.stamp.length));
  if (at < 0) {
    link.pending.release(ticket);
    const sentence = `the ${service} service is overloaded, try again`;
    refuseRequest(gateway, channel, command, sequence, Status.ServiceUnavailable, sentence);
    return;
  }
  channel.unanswered++;
  try {
    writeStamped(connection.outbound, at, packet, scan, requests.stamp, ticket);
  } catch (bug) {
    connection.unreserve();
    link.pending.release(ticket);
    channel.unanswered--;
    throw bug;
  }
}
