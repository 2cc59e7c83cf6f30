// What the gateway sends to the login service in the name of a connection: sessions that it has lost, and the end.

import { create, toBinary } from "@bufbuild/protobuf";
import type { Link } from "../../routing/links.ts";
import { Command, MetaKey, serviceOf } from "../../wire/commands.ts";
import { MetaType, SessionSchema } from "../../wire/gen/pkt_pb.ts";
import { encodeLogicPacket } from "../../wire/packet.ts";
import type { Channel } from "./channel.ts";
import { ChannelState } from "./channel-state.ts";
import type { Gateway } from "./gateway.ts";

export const loginService = serviceOf(Command.SignIn) ?? "";

/** Tells the login service that a connection has ended. */
export function signOut(channel: Channel): void {
  channel.gateway.signOuts.add(channel, channel.linkOf(loginService));
}

/** Connections in one turn of the event loop; each costs some microseconds. */
const restoredInTurn = 256;
/** Wait before the next try if the link is full. */
const fullMs = 10;

/** Sends the sessions of all connections that are signed in, because the login service has lost them; some in each turn. */
export function restoreSessions(gateway: Gateway, link: Link<Channel>): void {
  const { after, soon } = gateway.timers;
  const channels = gateway.channels.values();
  let restored = 0;
  /** Not sent yet, because the link was full. */
  let unsent: Channel | undefined;
  const step = (): void => {
    if (!link.connection.isOpen) return;
    if (unsent !== undefined && mayBeRestored(unsent)) {
      if (!restoreSession(unsent, link)) {
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
      if (!mayBeRestored(channel)) continue;
      if (restoreSession(channel, link)) restored++;
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

/** Reports whether a connection's session may be sent again: it is live and was not revoked. */
export function mayBeRestored({ state, connection, gateway, app, account, issuedAt }: Channel): boolean {
  return state === ChannelState.Live && connection.isOpen && !gateway.revocations.refuses(app, account, issuedAt);
}

/** Sends the session of one connection. Returns false if the link is full or closed. */
export function restoreSession(channel: Channel, link: Link<Channel>): boolean {
  const { id, device, features, gateway } = channel;
  const session = create(SessionSchema, {
    ...{ channelId: id, gateId: gateway.serviceId, device, features: [...features] },
  });
  gateway.signOuts.restored(link);
  return link.connection.send(forwarded(senderOf(channel), Command.Restore, 0, 0, toBinary(SessionSchema, session)));
}

export function senderOf({ id, app, account, gateway }: Channel): Parameters<typeof forwarded>[0] {
  return { id, app, account, serviceId: gateway.serviceId };
}

/** A packet to the login service in the name of a connection. */
export function forwarded(
  sender: { readonly id: string; readonly app: string; readonly account: string; readonly serviceId: string },
  command: string,
  sequence: number,
  ticket: number,
  body: Uint8Array,
): Uint8Array {
  const meta = (key: string, value: string) => ({ key, value, type: MetaType.string });
  return encodeLogicPacket(
    {
      command,
      sequence,
      channelId: sender.id,
      meta: [
        meta(MetaKey.App, sender.app),
        meta(MetaKey.Account, sender.account),
        meta(MetaKey.DestServer, sender.serviceId),
      ],
      ticket,
    },
    body,
  );
}
