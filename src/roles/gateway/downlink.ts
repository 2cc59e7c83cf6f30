// Passes packets of a service on to clients: the routing metas are cut off, and the same bytes are written to the
// connection of each recipient. An answer has a ticket that leads to its connection; a push has channel ids in its
// header. Answers come from service/context.ts, pushes from service/dispatcher.ts.

import { linkHeaderBytesMax } from "../../base/limits/fixed.ts";
import { decodeLinkState } from "../../link/link-state.ts";
import type { Link } from "../../routing/links.ts";
import type { FrameHandler } from "../../transport/transport.ts";
import { decodeBody } from "../../wire/body.ts";
import { type CloseReason, CloseCode, closeKicked, closeUnauthorised } from "../../wire/close-reason.ts";
import { Command } from "../../wire/commands.ts";
import { equalBytes } from "../../wire/equal-bytes.ts";
import { ErrorRespSchema, Flag, Status } from "../../wire/gen/pkt_pb.ts";
import { BasicCode, basicPong } from "../../wire/packet.ts";
import { moveRoutingLast } from "../../wire/packet-clean.ts";
import { PacketKind, PacketScan, scanPacket, scanPacketAt } from "../../wire/packet-scan.ts";
import { cutBytes, writeCut } from "../../wire/packet-stamp.ts";
import { goLive } from "./accept.ts";
import { refuseRequest } from "./answer.ts";
import type { Channel } from "./channel.ts";
import { ChannelState } from "./channel-state.ts";
import type { Gateway } from "./gateway.ts";
import { restoreSessions } from "./login-link.ts";

const scan = new PacketScan();
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
    if (status === Status.Success) goLive(this.gateway, channel);
    else {
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
      else gateway.metrics.pushUnknownChannel();
      return;
    }
    const isKick = command === Command.SignIn;
    const channels = packet.toString("utf8", scan.channelsStart, scan.channelsEnd);
    if (command === Command.Sync) {
      this.hint(channels.split(","));
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
    if (isAtOnce || gateway.pushes.mayWrite(ids, cutBytes(scan))) {
      for (const id of ids) this.deliver(id, packet, isKick);
    } else gateway.pushes.add(this.cut(packet), ids);
  }

  /** These connections may have missed pushes; a later hint may name more of them. */
  private hint(ids: readonly string[]): void {
    const { channels, hints } = this.gateway;
    hints.add(ids.map((id) => channels.get(id)).filter((channel) => channel !== undefined));
  }

  private deliver(id: string, packet: Buffer, isKick: boolean): void {
    const { gateway } = this;
    const channel = gateway.channels.get(id);
    if (channel === undefined) gateway.metrics.pushUnknownChannel();
    else if (isKick) {
      if (channel.state === ChannelState.Live) this.write(channel, packet);
      channel.connection.close(closeKicked);
    } else if (channel.state === ChannelState.Pending) channel.holdPush(this.cut(packet));
    else this.write(channel, packet);
  }

  private write(channel: Channel, packet: Buffer): void {
    const { connection } = channel;
    const at = connection.reserve(cutBytes(scan));
    if (at < 0) return;
    try {
      writeCut(connection.outbound, at, packet, scan);
    } catch (bug) {
      connection.unreserve();
      throw bug;
    }
  }

  private cut(packet: Buffer): Buffer {
    const copy = Buffer.allocUnsafe(cutBytes(scan));
    writeCut(copy, 0, packet, scan);
    return copy;
  }
}
