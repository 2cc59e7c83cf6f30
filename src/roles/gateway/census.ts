// A gateway's comparison of its sessions with the session store's. It asks a login node now and then, by number and
// checksum; where they differ it is told what the store knows, and sends again what is missing and was there when it
// asked. Connections that come and go meanwhile make a difference and are not mistaken for a loss.

import type { Link } from "../../routing/links.ts";
import type { SessionTally } from "../../session/tally.ts";
import { markOf } from "../../session/tally.ts";
import { decodeMarks, encodeCensusQuestion } from "../../wire/census.ts";
import { Command } from "../../wire/commands.ts";
import { mayBeRestored, restoreSession } from "./login-link.ts";
import type { Channel } from "./channel.ts";
import { ownPacket } from "./forwarded.ts";
import type { GatewayState } from "./gateway-state.ts";

export class Census {
  private readonly gateway: GatewayState;
  private readonly everyMs: number;
  private readonly tally: SessionTally;
  private askedAtMs: number;
  /** Connections numbered below this one were signed in when it asked, or had not been answered yet. */
  private askedBelow = 0;

  constructor(gateway: GatewayState, tally: SessionTally, everyMs: number) {
    this.gateway = gateway;
    this.tally = tally;
    this.everyMs = everyMs;
    this.askedAtMs = gateway.clock.monotonicMs();
  }

  /** Asks if it is time to; called every few seconds. */
  tick(): void {
    const nowMs = this.gateway.clock.monotonicMs();
    if (nowMs - this.askedAtMs < this.everyMs || this.gateway.isDraining) return;
    const link = this.gateway.links.choose("login", { channelId: "", app: "", account: "" });
    if (link === undefined) return;
    this.askedAtMs = nowMs;
    this.askedBelow = this.gateway.nextChannelNumber;
    link.connection.send(ownPacket(this.gateway.serviceId, Command.Census, encodeCensusQuestion(this.tally)));
  }

  /** The sessions that the store knows, as marks. */
  answered(body: Buffer, link: Link<Channel>): void {
    const { gateway } = this;
    const known = decodeMarks(body);
    if (known === undefined) {
      gateway.metrics.protocolFault("link-packet");
      return;
    }
    let restored = 0;
    for (const channel of gateway.channels.values()) {
      if (!mayBeRestored(gateway, channel) || known.has(markOf(channel.id))) continue;
      if (gateway.channelNumberOf(channel.id) >= this.askedBelow) continue;
      // Those that a full link does not take are missing at the next census, too.
      if (!restoreSession(gateway, channel, link)) break;
      restored++;
    }
    if (restored > 0) {
      gateway.log.warn("the session store has lost sessions; they are sent again", {
        sessions: restored,
        node: link.id,
      });
    }
  }
}
