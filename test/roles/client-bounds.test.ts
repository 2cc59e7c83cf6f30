// The limits of connections and requests of clients, each at its value and one above it.

import { expect } from "bun:test";
import { systemClock } from "../../src/base/clock.ts";
import { RareLog } from "../../src/base/rare-log.ts";
import { silentLog } from "../../src/base/log.ts";
import type { Limits } from "../../src/base/limits/limits.ts";
import { clientAdmission } from "../../src/roles/gateway/client-bounds.ts";
import type { Admission, Admitted } from "../../src/transport/admission.ts";
import { TrustedProxies } from "../../src/transport/trusted-proxies.ts";
import { CloseCode } from "../../src/wire/close-reason.ts";
import { Command } from "../../src/wire/commands.ts";
import { Status } from "../../src/wire/gen/pkt_pb.ts";
import { OpCode } from "../../src/wire/opcode.ts";
import { encodeLogicPacket } from "../../src/wire/packet.ts";
import { bound } from "../support/bounds.ts";
import { testLimits } from "../support/limits.ts";
import { loneGateway } from "../support/lone-gateway.ts";
import { turn } from "../transport/recording.ts";
import { serve, onEach } from "./client-bounds-support.ts";
import { endServers } from "./client-bounds-support.ts";

endServers();

bound("pendingConnections", {
  at: onEach(async (dialect) => {
    const { connect } = serve(dialect, { pendingConnections: 3 });
    const clients = [await connect(), await connect(), await connect()];
    await turn(3);
    expect(clients.every(({ owner }) => owner.connection.isOpen)).toBe(true);
  }),
  above: onEach(async (dialect) => {
    const { connect, limits } = serve(dialect, { pendingConnections: 3 });
    const clients = [await connect(), await connect(), await connect()];
    const [first, second] = clients;
    first?.socket.write(dialect.frame(OpCode.Binary, Buffer.alloc(30, 1)));
    await first?.owner.framesReach(1);
    const last = await connect();
    expect((await second?.owner.end())?.code).toBe(CloseCode.Limit);
    expect([first?.owner, last.owner].map((owner) => owner?.connection.isOpen)).toEqual([true, true]);
    expect(limits.reached.get("pendingConnections")).toBe(1);
    expect(limits.use("pendingConnections")).toBe(3);
  }),
});

/** Strangers of one address; which of them were ended. */
function strangersOf(address: string, count: number, limits: Limits): boolean[] {
  const proxies = new TrustedProxies(undefined, silentLog, systemClock);
  const admission: Admission = clientAdmission(limits, 1_000, proxies, new RareLog(silentLog, systemClock));
  const strangers = Array.from({ length: count }, () => {
    const stranger: Admitted & { isEnded: boolean } = {
      remoteAddress: address,
      isEnded: false,
      evict: () => void (stranger.isEnded = true),
    };
    return stranger;
  });
  for (const stranger of strangers) admission.enter(stranger);
  return strangers.map(({ isEnded }) => isEnded);
}

bound("pendingConnectionsPerAddress", {
  at: () => {
    const limits = testLimits({ pendingConnectionsPerAddress: 3 });
    expect(strangersOf("192.0.2.1", 3, limits)).toEqual([false, false, false]);
    expect(strangersOf("127.0.0.1", 4, limits)).toEqual([false, false, false, false]);
  },
  above: () => {
    const limits = testLimits({ pendingConnectionsPerAddress: 3 });
    expect(strangersOf("192.0.2.1", 4, limits)).toEqual([true, false, false, false]);
    expect(limits.reached.get("pendingConnectionsPerAddress")).toBe(1);
  },
});

/** Requests of one client at once, and how many of them were answered with RateLimited. */
function asked(client: ReturnType<ReturnType<typeof loneGateway>["client"]>, count: number): number {
  const before = client.connection.packets.length;
  const request = encodeLogicPacket({ command: Command.UserTalk, sequence: 1 }, new Uint8Array(0));
  for (let sent = 0; sent < count; sent++) client.send(request);
  return client.connection.packets.slice(before).filter(({ header }) => header.status === Status.RateLimited).length;
}

bound("requestsAtOnce", {
  at: () => {
    expect(asked(loneGateway({ requestsAtOnce: 5, requestsPerSecond: 2 }).client("a"), 5)).toBe(0);
  },
  above: () => {
    const { client, bounds } = loneGateway({ requestsAtOnce: 5, requestsPerSecond: 2 });
    expect(asked(client("a"), 6)).toBe(1);
    expect(bounds.reached.get("requestsPerSecond")).toBe(1);
  },
});

bound("requestsPerSecond", {
  at: () => {
    const { client, wheel } = loneGateway({ requestsAtOnce: 5, requestsPerSecond: 2 });
    const one = client("a");
    asked(one, 5);
    wheel.advance(1_000);
    expect(asked(one, 2)).toBe(0);
  },
  above: () => {
    const { client, wheel } = loneGateway({ requestsAtOnce: 5, requestsPerSecond: 2 });
    const one = client("a");
    asked(one, 5);
    wheel.advance(1_000);
    expect(asked(one, 3)).toBe(1);
  },
});
