// A gateway with one link to a chat node, without sockets: what it writes to its clients and to the node is there to
// see.

import { defaultSettings } from "../../scripts/harness/default-settings.ts";
import type { LimitValues } from "../../src/base/limits/table.ts";
import { TokenVerifier } from "../../src/auth/token.ts";
import { silentLog } from "../../src/base/log.ts";
import { TimerWheel } from "../../src/base/timer-wheel.ts";
import { Link, Links } from "../../src/routing/links.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import { AddressLimits } from "../../src/roles/gateway/address-limits.ts";
import { goLive } from "../../src/roles/gateway/accept.ts";
import type { Channel } from "../../src/roles/gateway/channel.ts";
import { ClientChannel } from "../../src/roles/gateway/client-channel.ts";
import { Downlink } from "../../src/roles/gateway/downlink.ts";
import { Gateway } from "../../src/roles/gateway/gateway.ts";
import type { Connection } from "../../src/transport/transport.ts";
import type { CloseReason } from "../../src/wire/close-reason.ts";
import { decodePacket, type LogicPacket } from "../../src/wire/packet.ts";
import { testLimits } from "./limits.ts";
import { systemRuntime } from "../../src/base/runtime.ts";
import { systemClock } from "../../src/base/clock.ts";

/** Keeps each frame that is written into it. */
export class FrameKeeper implements Connection {
  readonly remoteAddress = "127.0.0.1";
  unsentBytes = 0;
  frameBytesMax = 1;
  isOpen = true;
  /** It takes nothing. */
  isFull = false;
  reason: CloseReason | undefined;
  readonly frames: Buffer[] = [];

  get outbound(): Buffer {
    return this.frames.at(-1) ?? Buffer.alloc(0);
  }
  reserve(payloadBytes: number): number {
    if (!this.isOpen || this.isFull) return -1;
    this.frames.push(Buffer.alloc(payloadBytes));
    return 0;
  }
  identified(): void {}
  handOver(): void {}
  unreserve(): void {
    this.frames.pop();
  }
  send(payload: Uint8Array): boolean {
    const isTaken = this.isOpen && !this.isFull;
    if (isTaken) this.frames.push(Buffer.from(payload));
    return isTaken;
  }
  close(reason: CloseReason): void {
    this.reason ??= reason;
    this.isOpen = false;
  }
  fail(bug: unknown): void {
    throw bug;
  }

  /** The logic packets among them. */
  get packets(): LogicPacket[] {
    return this.frames.map((frame) => decodePacket(frame, frame.length)).filter((packet) => packet.kind === "logic");
  }
}

/** A client that is signed in. */
export interface LoneClient {
  readonly channel: ClientChannel;
  readonly connection: FrameKeeper;
  send(packet: Uint8Array): void;
}

export function loneGateway(values: Partial<LimitValues> = {}, wallMs: () => number = Date.now, monotonicMs = wallMs) {
  const wheel = new TimerWheel();
  const links = new Links<Channel>(["chat", "login"]);
  const bounds = testLimits(values);
  const gateway = new Gateway({
    serviceId: "gate",
    links,
    verifier: new TokenVerifier([new Uint8Array(32)], wallMs),
    wheel,
    limits: new AddressLimits(1_000, bounds, wheel),
    bounds,
    metrics: new Metrics().forService("gate", "gateway"),
    log: silentLog,
    ...defaultSettings("gateway"),
    ...systemRuntime,
    clock: { ...systemClock, wallMs, monotonicMs },
  });
  const node = new FrameKeeper();
  const link = new Link<Channel>("chat", "chat-1", node, { requestsMax: bounds.values.requestsPerLink });
  links.add(link);
  const client = (account: string): LoneClient => {
    const connection = new FrameKeeper();
    const channel = new ClientChannel(gateway, connection);
    Object.assign(channel, { id: account, app: "app", account });
    goLive(gateway, channel);
    gateway.channels.set(account, channel);
    return {
      channel,
      connection,
      send(packet) {
        const bytes = Buffer.from(packet);
        channel.frame(bytes, 0, bytes.length);
      },
    };
  };
  /** A client that has not signed in. */
  const fresh = () => {
    const connection = new FrameKeeper();
    return { gateway, channel: new ClientChannel(gateway, connection), connection };
  };
  return { fresh, gateway, bounds, node, link, downlink: new Downlink(gateway, link), client, wheel };
}
