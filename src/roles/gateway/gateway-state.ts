// What the parts of a gateway see of it; gateway.ts holds them.

import type { TimerWheel } from "../../base/timer-wheel.ts";
import type { Log } from "../../base/log.ts";
import type { Time } from "../../base/runtime.ts";
import type { ServiceMetrics } from "../../observe/metrics.ts";
import type { Link, Links } from "../../routing/links.ts";
import type { Channel } from "./channel.ts";

export interface GatewayState extends Time {
  readonly serviceId: string;
  /** Connections that have signed in or are about to, by their ids. */
  readonly channels: ReadonlyMap<string, Channel>;
  readonly links: Links<Channel>;
  readonly wheel: TimerWheel;
  readonly metrics: ServiceMetrics;
  readonly log: Log;
  readonly isDraining: boolean;
  readonly nextChannelNumber: number;
  channelNumberOf(id: string): number;
  readonly signOuts: { restored(link: Link<Channel>): void };
  readonly revocations: {
    refuses(app: string, account: string, issuedAt: number | undefined): boolean;
    bannedUntil(app: string, account: string): string | undefined;
  };
}
