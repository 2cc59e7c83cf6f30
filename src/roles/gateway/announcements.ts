// Shows announcements of back ends to all clients of an app that are signed in here and know signals. An announcement
// is dropped like a signal: for a connection for which much waits, and as a whole while too many others are under way.

import { create, toBinary } from "@bufbuild/protobuf";
import { Command } from "../../wire/commands.ts";
import { decodeAnnouncement } from "../../wire/announcement.ts";
import { hasConversations } from "../../wire/features.ts";
import { Flag, SignalSchema } from "../../wire/gen/pkt_pb.ts";
import { encodeLogicPacket } from "../../wire/packet.ts";
import type { Channel } from "./channel.ts";
import { ChannelState } from "./channel-state.ts";
import type { GatewayState } from "./gateway-state.ts";
import type { PushQueue } from "./push-queue.ts";

/** Connections that are looked at in one turn of the event loop. */
const lookedInTurn = 1_024;
/** Announcements under way at once. */
const underWayMax = 16;

export class Announcements {
  private readonly gateway: Pick<GatewayState, "channels" | "metrics" | "timers"> & { readonly pushes: PushQueue };
  private underWay = 0;

  constructor(gateway: Announcements["gateway"]) {
    this.gateway = gateway;
  }

  /** A chat node has sent one. */
  received(bytes: Buffer): void {
    const { gateway } = this;
    const announcement = decodeAnnouncement(bytes);
    if (announcement === undefined) {
      gateway.metrics.protocolFault("link-packet");
      return;
    }
    if (this.underWay === underWayMax) return;
    const { app, kind, body, sender } = announcement;
    const signal = toBinary(SignalSchema, create(SignalSchema, { kind, body, sender }));
    const packet = Buffer.from(encodeLogicPacket({ command: Command.Signal, flag: Flag.Push }, signal));
    this.underWay++;
    this.show(packet, app, gateway.channels.values());
  }

  /** Goes on in the next turn; those who sign in meanwhile are shown it, too. */
  private show(packet: Buffer, app: string, channels: Iterator<Channel>): void {
    const { pushes, timers } = this.gateway;
    const ids: string[] = [];
    // What waits is written first.
    for (let looked = 0; looked < lookedInTurn && !pushes.isPressed; looked++) {
      const { value: channel, done } = channels.next();
      if (done === true) {
        this.underWay--;
        if (ids.length > 0) pushes.add(packet, ids, true);
        return;
      }
      if (channel.app === app && channel.state === ChannelState.Live && hasConversations(channel.features))
        ids.push(channel.id);
    }
    if (ids.length > 0) pushes.add(packet, ids, true);
    timers.soon(() => this.show(packet, app, channels));
  }
}
