// Passes packets of a service on to clients: the routing metas are cut off, and the same bytes are written to the
// connection of each recipient. An answer has a ticket that leads to its connection; a push has channel ids in its
// header, and may say that the first of them get only a part of the body (dest.plain). Answers come from
// service/context.ts, pushes from service/dispatcher.ts.

import { linkHeaderBytesMax } from "../../base/limits/fixed.ts";
import { decodeLinkState } from "../../link/link-state.ts";
import type { Link } from "../../routing/links.ts";
import type { FrameHandler } from "../../transport/transport.ts";
import { decodeBody } from "../../wire/body.ts";
import { type CloseReason, CloseCode, closeKicked, closeUnauthorised } from "../../wire/close-reason.ts";
import { Command, isDroppable } from "../../wire/commands.ts";
import { equalBytes } from "../../wire/equal-bytes.ts";
import { hasConversations, knownFeatures } from "../../wire/features.ts";
import { ErrorRespSchema, Flag, LoginRespSchema, Status } from "../../wire/gen/pkt_pb.ts";
import { BasicCode, basicPong } from "../../wire/packet.ts";
import { moveRoutingLast } from "../../wire/packet-clean.ts";
import { PacketKind, PacketScan, scanPacket, scanPacketAt } from "../../wire/packet-scan.ts";
import { cutBytes, writeCut, writeCutPart } from "../../wire/packet-stamp.ts";
import { goLive } from "./accept.ts";
import { refuseRequest } from "./answer.ts";
import { answerConnections } from "./connections.ts";
import type { Channel } from "./channel.ts";
import { ChannelState } from "./channel-state.ts";
import type { Gateway } from "./gateway.ts";
import { restoreSessions } from "./login-link.ts";
import { mayTake } from "./owed-hints.ts";

const scan = new PacketScan();
/** A push that may be dropped is written at once to so many connections. */
const fewMax = 8;
const closeTryAgain: CloseReason = { code: CloseCode.Overload, text: "sign-in failed, try again" };

/** Reads the frames of one link. */
export class Downlink implements FrameHandler {
  private readonly gateway: Gateway;
  private readonly link: Link<Channel>;

  constructor(gateway: Gateway, link: Link<Channel>) {
    this.gateway = gateway;
    this.link = link;
  }

  frame(bytes: Buffer, start: number, end: number): void {
    let packet = bytes;
    const { gateway } = this;
    scanPacketAt(bytes, start, end, scan, linkHeaderBytesMax);
    if (scan.kind === PacketKind.Logic && scan.hasStrayRouting) {
      packet = moveRoutingLast(bytes, scan);
      scanPacket(packet, scan, linkHeaderBytesMax);
    }
    if (scan.kind === PacketKind.Basic) {
      this.heartbeat(packet);
      return;
    }
    if (scan.kind !== PacketKind.Logic || !this.isForUs(packet)) {
      gateway.metrics.protocolFault("link-packet");
      return;
    }
    if (scan.flag === Flag.Response) this.answer(packet);
    else this.push(packet);
  }

  closed(reason: CloseReason): void {
    const { gateway, link } = this;
    gateway.links.remove(link);
    gateway.signOuts.lost(link);
    gateway.revocations.lost(link);
    const { isDraining } = gateway;
    if (!isDraining) gateway.log.warn("a link ended", { service: link.service, node: link.id, reason: reason.text });
    const sentence = `the ${link.service} service went away, try again`;
    link.pending.drain((channel, sequence, command) => {
      channel.unanswered--;
      if (channel.state === ChannelState.Closed) return;
      refuseRequest(gateway, channel, command, sequence, Status.ServiceUnavailable, sentence);
      if (channel.state === ChannelState.Pending) channel.connection.close(closeTryAgain);
    });
    // The node may have committed messages without pushing them: clients would miss these until their next sign-in.
    if (isDraining) return;
    gateway.hints.add(gateway.channels.values());
  }

  /** Handles a ping, which may carry the node's state. */
  private heartbeat(packet: Buffer): void {
    if (scan.basicCode !== BasicCode.Ping) return;
    const { gateway, link } = this;
    gateway.revocations.heard(link);
    const state = decodeLinkState(packet.subarray(scan.bodyStart, scan.bodyEnd));
    if (state === undefined) link.connection.send(basicPong);
    else if (gateway.stores.admits(link, state.stores) === undefined) gateway.links.setState(link, state);
    else gateway.endOther(link);
  }

  private isForUs(packet: Buffer): boolean {
    const { serviceIdBytes } = this.gateway;
    return scan.serverStart >= 0 && equalBytes(serviceIdBytes, packet, scan.serverStart, scan.serverEnd);
  }

  private answer(packet: Buffer): void {
    const channel = scan.ticket > 0 ? this.link.pending.release(scan.ticket) : undefined;
    if (channel === undefined) {
      this.gateway.metrics.pushUnknownChannel();
      return;
    }
    channel.unanswered--;
    if (channel.state === ChannelState.Closed) return;
    const isSignIn = channel.state === ChannelState.Pending;
    const { status } = scan;
    this.write(channel, packet);
    if (!isSignIn) return;
    if (status === Status.Success) {
      if (hasConversations(channel.features)) keepGranted(channel, packet.subarray(scan.bodyStart, scan.bodyEnd));
      goLive(this.gateway, channel);
    } else {
      const sentence = decodeBody(ErrorRespSchema, packet.subarray(scan.bodyStart, scan.bodyEnd))?.message ?? "";
      this.gateway.people.refused(channel, sentence === "" ? `status ${status}` : sentence);
      channel.connection.close(status >= 300 && status < 400 ? closeTryAgain : closeUnauthorised);
    }
  }

  private push(packet: Buffer): void {
    const { gateway } = this;
    const command = gateway.commands.intern(packet, scan.commandStart, scan.commandEnd);
    if (scan.channelsStart < 0) {
      if (command === Command.Resync) restoreSessions(gateway, this.link);
      else if (command === Command.Census)
        gateway.census.answered(packet.subarray(scan.bodyStart, scan.bodyEnd), this.link);
      else if (command === Command.Revocations)
        gateway.revocations.received(packet.subarray(scan.bodyStart, scan.bodyEnd), this.link);
      else if (command === Command.Connections)
        answerConnections(gateway, this.link, packet.subarray(scan.bodyStart, scan.bodyEnd));
      else if (command === Command.Announce)
        gateway.announcements.received(packet.subarray(scan.bodyStart, scan.bodyEnd));
      else gateway.metrics.pushUnknownChannel();
      return;
    }
    const isKick = command === Command.SignIn;
    const channels = packet.toString("utf8", scan.channelsStart, scan.channelsEnd);
    if (command === Command.Sync) {
      this.hint(channels.split(","));
      return;
    }
    if (isDroppable(command)) {
      this.pushDroppable(command, packet, channels.split(","));
      return;
    }
    // A push to one account has few recipients, and does not wait behind those of groups.
    const isAtOnce = isKick || command === Command.UserTalk;
    // Most pushes have one recipient.
    if (!channels.includes(",")) {
      if (isAtOnce || !gateway.pushes.isWaiting) this.deliver(channels, packet, isKick);
      else gateway.pushes.add(this.cut(packet), [channels]);
      return;
    }
    const ids = channels.split(",");
    const mayWrite = isAtOnce || gateway.pushes.mayWrite(ids, cutBytes(scan));
    if (scan.plainStart >= 0) this.pushParts(packet, ids, mayWrite);
    else if (!mayWrite) gateway.pushes.add(this.cut(packet), ids);
    else for (const id of ids) this.deliver(id, packet, isKick);
  }

  /**
   * Passes on a push that may be dropped: it is, where much waits for the gateway's clients together, or for the one.
   * What goes to a few, as changes of presence do, does not wait behind pushes to groups.
   */
  private pushDroppable(command: string, packet: Buffer, ids: readonly string[]): void {
    const { gateway } = this;
    const { pushes } = gateway;
    const isPresence = command === Command.PresenceChanged;
    const bytes = cutBytes(scan);
    if (pushes.isPressed || (ids.length > fewMax && !pushes.mayWrite(ids, bytes))) {
      if (isPresence) this.owe(ids);
      else if (!pushes.isPressed) pushes.add(this.cut(packet), ids, true);
      return;
    }
    for (const id of ids) {
      const channel = gateway.channels.get(id);
      if (channel === undefined) gateway.metrics.pushUnknownChannel();
      else if (mayTake(channel, bytes, gateway.bounds.values.unsentBytes)) this.write(channel, packet);
      else if (isPresence) gateway.owedHints.owe(channel);
    }
  }

  /** These connections were not told a change of presence. */
  private owe(ids: readonly string[]): void {
    const { channels, owedHints } = this.gateway;
    for (const id of ids) {
      const channel = channels.get(id);
      if (channel !== undefined) owedHints.owe(channel);
    }
  }

  /** Passes on a push of which the first connections get a part of the body only. */
  private pushParts(packet: Buffer, ids: readonly string[], mayWrite: boolean): void {
    const { pushes } = this.gateway;
    const [bytes, count] = packet.toString("latin1", scan.plainStart, scan.plainEnd).split(",").map(Number);
    const isPart = bytes !== undefined && bytes >= 0 && bytes <= scan.bodyEnd - scan.bodyStart;
    const isCount = count !== undefined && count >= 0 && count <= ids.length;
    if (!isPart || !isCount || !Number.isInteger(bytes) || !Number.isInteger(count)) {
      this.gateway.metrics.protocolFault("link-packet");
      return;
    }
    if (!mayWrite) {
      if (count > 0) pushes.add(this.cut(packet, bytes), ids.slice(0, count));
      if (count < ids.length) pushes.add(this.cut(packet), ids.slice(count));
      return;
    }
    for (const [at, id] of ids.entries()) this.deliver(id, packet, false, at < count ? bytes : undefined);
  }

  /** These connections may have missed pushes; a later hint may name more of them. */
  private hint(ids: readonly string[]): void {
    const { channels, hints } = this.gateway;
    hints.add(ids.map((id) => channels.get(id)).filter((channel) => channel !== undefined));
  }

  /** `bodyBytes`: the part of the body that this connection gets; undefined: all. */
  private deliver(id: string, packet: Buffer, isKick: boolean, bodyBytes?: number): void {
    const { gateway } = this;
    const channel = gateway.channels.get(id);
    if (channel === undefined) gateway.metrics.pushUnknownChannel();
    else if (isKick) {
      if (channel.state === ChannelState.Live) this.write(channel, packet);
      channel.connection.close(closeKicked);
    } else if (channel.state === ChannelState.Pending) channel.holdPush(this.cut(packet, bodyBytes));
    else this.write(channel, packet, bodyBytes);
  }

  private write(channel: Channel, packet: Buffer, bodyBytes?: number): void {
    const { connection } = channel;
    const at = connection.reserve(bytesOf(bodyBytes));
    if (at < 0) return;
    try {
      writeTo(connection.outbound, at, packet, bodyBytes);
    } catch (bug) {
      connection.unreserve();
      throw bug;
    }
  }

  private cut(packet: Buffer, bodyBytes?: number): Buffer {
    const copy = Buffer.allocUnsafe(bytesOf(bodyBytes));
    writeTo(copy, 0, packet, bodyBytes);
    return copy;
  }
}

/** What `writeTo` writes of the scanned packet. */
function bytesOf(bodyBytes: number | undefined): number {
  return bodyBytes === undefined ? cutBytes(scan) : cutBytes(scan) - (scan.bodyEnd - scan.bodyStart - bodyBytes);
}

function writeTo(target: Buffer, at: number, packet: Buffer, bodyBytes: number | undefined): void {
  if (bodyBytes === undefined) writeCut(target, at, packet, scan);
  else writeCutPart(target, at, packet, scan, bodyBytes);
}

/**
 * Keeps of a connection's features those that the login service has granted. One of a release that does not know
 * `conversations` does not, and the session must not have that feature when it is restored through a newer node.
 */
function keepGranted(channel: Channel, body: Buffer): void {
  const granted = decodeBody(LoginRespSchema, body)?.features ?? [];
  if (!hasConversations(granted)) channel.features = knownFeatures(granted);
}
