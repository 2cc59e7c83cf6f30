// Compares a gateway's sessions with those in the session store, by number and checksum. If they differ, a login node
// answers with the sessions in the store, and the gateway sends the missing ones again. Sessions that began after the
// question are not sent: their absence from the answer is no loss.

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
  /** Connections with smaller numbers existed at the last question. */
  private askedBelow = 0;

  constructor(gateway: GatewayState, tally: SessionTally, everyMs: number) {
    this.gateway = gateway;
    this.tally = tally;
    this.everyMs = everyMs;
    this.askedAtMs = gateway.clock.monotonicMs();
  }

  /** Asks a login node if it is time; called every few seconds. */
  tick(): void {
    const nowMs = this.gateway.clock.monotonicMs();
    if (nowMs - this.askedAtMs < this.everyMs || this.gateway.isDraining) return;
    const link = this.gateway.links.choose("login", { channelId: "", app: "", account: "" });
    if (link === undefined) return;
    this.askedAtMs = nowMs;
    this.askedBelow = this.gateway.nextChannelNumber;
    link.connection.send(ownPacket(this.gateway.serviceId, Command.Census, encodeCensusQuestion(this.tally)));
  }

  /** Handles the answer: the marks of the sessions in the store. */
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
      // The link is full: the next census sends the rest.
      if (!restoreSession(gateway, channel, link)) break;
      restored++;
    }
    if (restored > 0) {
      gateway.log.warn("the session store lost sessions, which are sent again", {
        sessions: restored,
        node: link.id,
      });
    }
  }
}
