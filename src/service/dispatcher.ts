// Sends pushes from a service to connections: groups the recipients by gateway, and encodes the body once.
// The packets arrive in roles/gateway/downlink.ts.

import { pushChannelsCharactersMax } from "../base/limits/fixed.ts";
import { Command, isDroppable, MetaKey } from "../wire/commands.ts";
import { Flag, MetaType } from "../wire/gen/pkt_pb.ts";
import { encodeLogicPacket } from "../wire/packet.ts";
import { type Room, writePush } from "../wire/packet-stamp.ts";
import { hasConversations } from "../wire/features.ts";
import type { Location } from "../session/sessions.ts";
import type { GatewayLink } from "./context.ts";

const noBody = new Uint8Array(0);

/** A push without its body and recipients. */
export interface PushHead {
  readonly command: string;
  /** The connection that caused it; '' if none. */
  readonly channelId: string;
  readonly sequence: number;
  readonly dest: string;
}

/** Pushes that may be dropped are not sent to a gateway for which more bytes wait. */
const droppableUnsentBytesMax = 1024 * 1024;

/** The locations of several accounts, in the accounts' order. */
export type Located = readonly (readonly Location[])[];

/** The cost of a delivery rises by one with each of this many bytes. */
const bytesPerDelivery = 4096;

/** The cost of a write to a connection, in deliveries, however many deliveries it carries. */
export const writeCost = 8;

/** Returns the cost of delivering a message to connections, in deliveries of small messages. */
export function deliveryCost(connections: number, bytes: number): number {
  return connections * (1 + Math.floor(bytes / bytesPerDelivery));
}

/** Which locations a push goes to: all, or those with the feature `conversations` only. */
export type PushScope = "all" | "conversations";

/** Returns the number of locations of a scope other than `exceptChannelId`. */
export function othersIn(located: Located, exceptChannelId: string, scope: PushScope = "all"): number {
  let others = 0;
  for (const locations of located) {
    for (const { channelId, features } of locations)
      if (channelId !== exceptChannelId && (scope === "all" || hasConversations(features))) others++;
  }
  return others;
}

/** The channels of a gateway that get a push, joined by commas. */
interface GatewayChannels {
  /** Those that get all of the body. */
  whole: string;
  /** Those without the feature `conversations`, which get its first `plainBytes`. */
  plain: string;
  plainCount: number;
}

/** Returns the only location other than `exceptChannelId`; undefined if there are more, or none. */
function loneLocation(located: Located, exceptChannelId: string): Location | undefined {
  let lone: Location | undefined;
  for (const locations of located) {
    for (const location of locations) {
      if (location.channelId === exceptChannelId) continue;
      if (lone !== undefined) return undefined;
      lone = location;
    }
  }
  return lone;
}

/** Room for one packet in a buffer of its own. */
class PacketRoom implements Room {
  outbound = Buffer.alloc(0);

  reserve(payloadBytes: number): number {
    this.outbound = Buffer.allocUnsafe(payloadBytes);
    return 0;
  }

  unreserve(): void {
    this.outbound = Buffer.alloc(0);
  }
}

/** Sends pushes to the gateways that are linked to this service. */
export class Dispatcher {
  private readonly links = new Map<string, GatewayLink>();

  addLink(link: GatewayLink): void {
    this.links.set(link.gateway, link);
  }

  /** Removes this link, but not a newer one of the same gateway. */
  removeLink(link: GatewayLink): void {
    if (this.links.get(link.gateway) === link) this.links.delete(link.gateway);
  }

  get gateways(): number {
    return this.links.size;
  }

  /**
   * Pushes to every location of the accounts except `exceptChannelId`. A gateway without a link loses the push, which
   * is only a hint. A gateway whose link is full loses it, too, and learns later which connections missed something.
   *
   * `plainBytes`: locations without the feature `conversations` get so many bytes of the body; with 0, no push at all.
   * A location tells its features: gateways of a release that does not know this one have no location with it, so that
   * they never have to cut a body.
   */
  push(head: PushHead, body: Uint8Array, located: Located, exceptChannelId: string, plainBytes = Infinity): void {
    const isForAll = plainBytes >= body.length && plainBytes > 0;
    // The common case is one connection, the receiver's; it needs no grouping.
    const lone = loneLocation(located, exceptChannelId);
    if (lone !== undefined) {
      const { gateway, channelId, features } = lone;
      if (isForAll || hasConversations(features)) this.send(head, body, gateway, channelId);
      else if (plainBytes > 0) this.send(head, body.subarray(0, plainBytes), gateway, channelId);
      return;
    }
    if (!isForAll) {
      this.pushParts(head, body, located, exceptChannelId, plainBytes);
      return;
    }
    const channelsOf = new Map<string, string>();
    for (const locations of located) {
      for (const { gateway, channelId } of locations) {
        if (channelId === exceptChannelId) continue;
        const before = channelsOf.get(gateway);
        if (before === undefined) channelsOf.set(gateway, channelId);
        else if (before.length + channelId.length < pushChannelsCharactersMax)
          channelsOf.set(gateway, `${before},${channelId}`);
        else {
          this.send(head, body, gateway, before);
          channelsOf.set(gateway, channelId);
        }
      }
    }
    for (const [gateway, channels] of channelsOf) this.send(head, body, gateway, channels);
  }

  /**
   * Like `push` for a body that is not for everybody: a gateway gets one packet, whose channels without the feature
   * come first.
   */
  private pushParts(
    head: PushHead,
    body: Uint8Array,
    located: Located,
    exceptChannelId: string,
    plainBytes: number,
  ): void {
    const channelsOf = new Map<string, GatewayChannels>();
    for (const locations of located) {
      for (const { gateway, channelId, features } of locations) {
        if (channelId === exceptChannelId) continue;
        const isWhole = hasConversations(features);
        if (!isWhole && plainBytes === 0) continue;
        let channels = channelsOf.get(gateway);
        if (channels === undefined) channelsOf.set(gateway, (channels = { whole: "", plain: "", plainCount: 0 }));
        if (channels.whole.length + channels.plain.length + channelId.length >= pushChannelsCharactersMax - 1) {
          this.sendParts(head, body, gateway, channels, plainBytes);
          channels.whole = channels.plain = "";
          channels.plainCount = 0;
        }
        if (isWhole) channels.whole = joined(channels.whole, channelId);
        else {
          channels.plain = joined(channels.plain, channelId);
          channels.plainCount++;
        }
      }
    }
    for (const [gateway, channels] of channelsOf) this.sendParts(head, body, gateway, channels, plainBytes);
  }

  private sendParts(
    head: PushHead,
    body: Uint8Array,
    gateway: string,
    { whole, plain, plainCount }: GatewayChannels,
    plainBytes: number,
  ): void {
    if (plain === "") this.send(head, body, gateway, whole);
    else if (whole === "") this.send(head, body.subarray(0, plainBytes), gateway, plain);
    else this.send(head, body, gateway, `${plain},${whole}`, `${plainBytes},${plainCount}`);
  }

  /**
   * Sends a push that may be dropped to one connection. Returns false, and sends nothing, if its gateway has no link,
   * or if much waits on it. `body` encodes the body, if it is needed.
   */
  offer(head: PushHead, body: () => Uint8Array, { gateway, channelId: receiver }: Location): boolean {
    const link = this.links.get(gateway);
    if (link === undefined || isBusy(link)) return false;
    const { command, channelId, sequence, dest } = head;
    return writePush(link.connection, command, channelId, sequence, dest, body(), gateway, receiver);
  }

  /** Sends a packet to the gateway itself. */
  tell(gateway: string, command: string, body: Uint8Array = noBody): void {
    const meta = [{ key: MetaKey.DestServer, value: gateway, type: MetaType.string }];
    const packet = encodeLogicPacket({ command, flag: Flag.Push, meta }, body);
    const link = this.links.get(gateway);
    if (link?.connection.send(packet) === false) link.backlog.add(packet);
  }

  /** Sends a packet to each linked gateway itself; returns how many they are. */
  tellAll(command: string, body: Uint8Array): number {
    for (const gateway of this.links.keys()) this.tell(gateway, command, body);
    return this.links.size;
  }

  private send(head: PushHead, body: Uint8Array, gateway: string, channels: string, plain = ""): void {
    const link = this.links.get(gateway);
    if (link === undefined) return;
    const { command, channelId, sequence, dest } = head;
    const { connection, backlog } = link;
    if (isDroppable(command)) {
      if (!isBusy(link)) writePush(connection, command, channelId, sequence, dest, body, gateway, channels, plain);
      return;
    }
    if (writePush(connection, command, channelId, sequence, dest, body, gateway, channels, plain)) return;
    if (command !== Command.SignIn) {
      backlog.missedBy(channels);
      return;
    }
    // A kick is sent only once, so it waits for room.
    const room = new PacketRoom();
    writePush(room, command, channelId, sequence, dest, body, gateway, channels);
    backlog.add(room.outbound);
  }
}

/** Reports whether much waits on a link: pushes that may be dropped would delay messages. */
function isBusy({ backlog, connection }: GatewayLink): boolean {
  return backlog.isWaiting || connection.unsentBytes > droppableUnsentBytesMax;
}

function joined(channels: string, channelId: string): string {
  return channels === "" ? channelId : `${channels},${channelId}`;
}
