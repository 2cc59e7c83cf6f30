// Answers what a chat node asks about connections of clients: since when they are signed in, and from where.

import type { Link } from "../../routing/links.ts";
import { Command } from "../../wire/commands.ts";
import { decodeConnectionsQuestion, encodeConnectionsAnswer } from "../../wire/connections.ts";
import type { Channel } from "./channel.ts";
import { ownPacket } from "./forwarded.ts";
import type { GatewayState } from "./gateway-state.ts";

/** An answer that finds no room is not sent: the chat node goes on without it. */
export function answerConnections(gateway: GatewayState, link: Link<Channel>, bytes: Buffer): void {
  const question = decodeConnectionsQuestion(bytes);
  if (question === undefined) {
    gateway.metrics.protocolFault("link-packet");
    return;
  }
  const nowMs = gateway.clock.monotonicMs();
  const connections = question.channels.flatMap((id) => {
    const channel = gateway.channels.get(id);
    if (channel === undefined) return [];
    return [{ channel: id, ageMs: nowMs - channel.signedInMs, address: channel.connection.remoteAddress }];
  });
  const answer = encodeConnectionsAnswer({ ask: question.ask, connections });
  link.connection.send(ownPacket(gateway.serviceId, Command.Connections, answer));
}
