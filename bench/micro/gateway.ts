// A gateway's whole step for a message, up and down, without sockets.

import { defaultSettings } from "../../scripts/harness/default-settings.ts";
import { Limits } from "../../src/base/limits/limits.ts";
import { silentLog } from "../../src/base/log.ts";
import { TimerWheel } from "../../src/base/timer-wheel.ts";
import { TokenVerifier } from "../../src/auth/token.ts";
import { Link, Links } from "../../src/routing/links.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import { AddressLimits } from "../../src/roles/gateway/address-limits.ts";
import { goLive } from "../../src/roles/gateway/accept.ts";
import type { Channel } from "../../src/roles/gateway/channel.ts";
import { ClientChannel } from "../../src/roles/gateway/client-channel.ts";
import { Downlink } from "../../src/roles/gateway/downlink.ts";
import { Gateway } from "../../src/roles/gateway/gateway.ts";
import type { Topic } from "./case.ts";
import { SinkConnection } from "./sink.ts";
import {
  answerPacket,
  app,
  gateway as gatewayId,
  pushPacket,
  receiver,
  receiverChannel,
  scanOf,
  sender,
  senderChannel,
  stampedTalk,
  talkPacket,
} from "./sample.ts";
import { systemRuntime } from "../../src/base/runtime.ts";

function liveChannel(gateway: Gateway, connection: SinkConnection, id: string, account: string): ClientChannel {
  const channel = new ClientChannel(gateway, connection);
  Object.assign(channel, { id, app, account });
  goLive(gateway, channel);
  gateway.channels.set(id, channel);
  return channel;
}

export function gatewayTopic(): Topic {
  const wheel = new TimerWheel();
  const links = new Links<Channel>(["chat", "login"]);
  const bounds = new Limits(silentLog);
  const gateway = new Gateway({
    serviceId: gatewayId,
    links,
    verifier: new TokenVerifier([new Uint8Array(32)]),
    wheel,
    limits: new AddressLimits(100, bounds, wheel),
    bounds,
    metrics: new Metrics().forService(gatewayId, "gateway"),
    log: silentLog,
    ...defaultSettings("gateway"),
    ...systemRuntime,
  });
  const up = new SinkConnection();
  const link = new Link<Channel>("chat", "chat-1", up);
  links.add(link);
  const downlink = new Downlink(gateway, link);
  const channel = liveChannel(gateway, new SinkConnection(), senderChannel, sender);
  const listener = new SinkConnection();
  liveChannel(gateway, listener, receiverChannel, receiver);
  // The ticket ends both headers: four bytes.
  const ticketAt = scanOf(stampedTalk).headerEnd - 4;
  const answerTicketAt = scanOf(answerPacket).headerEnd - 4;
  const answer = Buffer.from(answerPacket);
  return {
    cases: [
      {
        name: "gateway/a talk up and its answer down",
        run: () => {
          // Time for the connection's allowance.
          wheel.nowMs += 1;
          channel.frame(talkPacket, 0, talkPacket.length);
          up.outbound.copy(answer, answerTicketAt, up.last + ticketAt, up.last + ticketAt + 4);
          downlink.frame(answer, 0, answer.length);
          if (link.pending.size > 0) throw new Error("the answer did not find its request");
          return answer;
        },
      },
      {
        name: "gateway/a push down",
        run: () => {
          downlink.frame(pushPacket, 0, pushPacket.length);
          return listener.frames;
        },
      },
    ],
  };
}
