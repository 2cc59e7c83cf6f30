// Sends pushes from a service to connections: groups the recipients by gateway, and encodes the body once.
// The packets arrive in roles/gateway/downlink.ts.

import { pushChannelsCharactersMax } from "../base/limits/fixed.ts";
import { Command, MetaKey } from "../wire/commands.ts";
import { Flag, MetaType } from "../wire/gen/pkt_pb.ts";
import { encodeLogicPacket } from "../wire/packet.ts";
import { type Room, writePush } from "../wire/packet-stamp.ts";
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

/** Returns the number of locations other than `exceptChannelId`. */
export function othersIn(located: Located, exceptChannelId: string): number {
  let others = 0;
  for (const locations of located) {
    for (const { channelId } of locations) if (channelId !== exceptChannelId) others++;
  }
  return others;
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
   */
  push(head: PushHead, body: Uint8Array, located: Located, exceptChannelId: string): void {
    // The common case is one connection, the receiver's; it needs no grouping.
    const lone = loneLocation(located, exceptChannelId);
    if (lone !== undefined) {
      this.send(head, body, lone.gateway, lone.channelId);
      return;
    }
    const channelsOf = new Map<string, string>();
    for (const locations of located) {
      for (const { gateway, channelId } of locations) {
        if (channelId === exceptChannelId) continue;
        const joined = channelsOf.get(gateway);
        if (joined === undefined) channelsOf.set(gateway, channelId);
        else if (joined.length + channelId.length < pushChannelsCharactersMax)
          channelsOf.set(gateway, `${joined},${channelId}`);
        else {
          this.send(head, body, gateway, joined);
          channelsOf.set(gateway, channelId);
        }
      }
    }
    for (const [gateway, channels] of channelsOf) this.send(head, body, gateway, channels);
  }

  /** Sends a packet to the gateway itself. */
  tell(gateway: string, command: string, body: Uint8Array = noBody): void {
    const meta = [{ key: MetaKey.DestServer, value: gateway, type: MetaType.string }];
    const packet = encodeLogicPacket({ command, flag: Flag.Push, meta }, body);
    const link = this.links.get(gateway);
    if (link?.connection.send(packet) === false) link.backlog.add(packet);
  }

  private send(head: PushHead, body: Uint8Array, gateway: string, channels: string): void {
    const link = this.links.get(gateway);
    if (link === undefined) return;
    const { command, channelId, sequence, dest } = head;
    const { connection, backlog } = link;
    if (writePush(connection, command, channelId, sequence, dest, body, gateway, channels)) return;
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
