// What the gateway sends to the login service again: sessions that it has lost.

import { create, toBinary } from "@bufbuild/protobuf";
import type { Link } from "../../routing/links.ts";
import { Command } from "../../wire/commands.ts";
import { SessionSchema } from "../../wire/gen/pkt_pb.ts";
import type { Channel } from "./channel.ts";
import { ChannelState } from "./channel-state.ts";
import { forwarded } from "./forwarded.ts";
import type { GatewayState } from "./gateway-state.ts";

/** Connections in one turn of the event loop; each costs some microseconds. */
const restoredInTurn = 256;
/** Wait before the next try if the link is full. */
const fullMs = 10;

/**
 * Sends the sessions of all connections that are signed in, because the login service has lost them; some in each turn.
 */
export function restoreSessions(gateway: GatewayState, link: Link<Channel>): void {
  const { after, soon } = gateway.timers;
  const channels = gateway.channels.values();
  let restored = 0;
  /** Not sent yet, because the link was full. */
  let unsent: Channel | undefined;
  const step = (): void => {
    if (!link.connection.isOpen) return;
    if (unsent !== undefined && mayBeRestored(gateway, unsent)) {
      if (!restoreSession(gateway, unsent, link)) {
        after(fullMs, step);
        return;
      }
      restored++;
    }
    unsent = undefined;
    for (let looked = 0; looked < restoredInTurn; looked++) {
      const { value: channel, done } = channels.next();
      if (done === true) {
        if (restored > 0) gateway.log.info("sessions are sent again", { sessions: restored, node: link.id });
        return;
      }
      if (!mayBeRestored(gateway, channel)) continue;
      if (restoreSession(gateway, channel, link)) restored++;
      else {
        unsent = channel;
        after(fullMs, step);
        return;
      }
    }
    soon(step);
  };
  step();
}

/** Reports whether a connection's session may be sent again: it is live, not revoked, and its account not banned. */
export function mayBeRestored(
  { revocations }: GatewayState,
  { state, connection, app, account, issuedAt }: Channel,
): boolean {
  if (state !== ChannelState.Live || !connection.isOpen) return false;
  return !revocations.refuses(app, account, issuedAt) && revocations.bannedUntil(app, account) === undefined;
}

/** Sends the session of one connection. Returns false if the link is full or closed. */
export function restoreSession({ serviceId, signOuts }: GatewayState, channel: Channel, link: Link<Channel>): boolean {
  const { id, device, features } = channel;
  const session = create(SessionSchema, { channelId: id, gateId: serviceId, device, features: [...features] });
  signOuts.restored(link);
  return link.connection.send(forwarded(serviceId, channel, Command.Restore, 0, 0, toBinary(SessionSchema, session)));
}
