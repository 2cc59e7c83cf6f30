// A server of each transport for the tests of the limits of clients' connections.

import { afterEach } from "bun:test";
import { createConnection, type Socket } from "node:net";
import { systemClock } from "../../src/base/clock.ts";
import { RareLog } from "../../src/base/rare-log.ts";
import { silentLog } from "../../src/base/log.ts";
import type { LimitValues } from "../../src/base/limits/table.ts";
import { clientAdmission, clientBounds } from "../../src/roles/gateway/client-bounds.ts";
import { listenTcp } from "../../src/transport/tcp.ts";
import type { Server } from "../../src/transport/transport.ts";
import { TrustedProxies } from "../../src/transport/trusted-proxies.ts";
import { listenWebSocket } from "../../src/transport/websocket.ts";
import { closeNormal } from "../../src/wire/close-reason.ts";
import { writeFrameHeader } from "../../src/wire/frame-writer.ts";
import { testLimits } from "../support/limits.ts";
import { upgradeRequest } from "../support/proxy-protocol.ts";
import { clientFrame } from "../support/websocket-frames.ts";
import {
  eventually,
  type Recording,
  recordingAcceptor,
  type TestOptions,
  testOptions,
} from "../transport/recording.ts";

const loopback = { host: "127.0.0.1", port: 0 };
export const servers: Server[] = [];
const sockets: Socket[] = [];

/** How a client of a transport writes frames. */
export interface Dialect {
  readonly name: string;
  readonly listen: typeof listenTcp;
  readonly greeting: Buffer;
  frame(opcode: number, payload: Buffer): Buffer;
}

export const tcp: Dialect = {
  name: "TCP",
  listen: listenTcp,
  greeting: Buffer.alloc(0),
  frame(opcode, payload) {
    const head = Buffer.alloc(5);
    writeFrameHeader(head, 0, opcode, payload.length);
    return Buffer.concat([head, payload]);
  },
};

const webSocket: Dialect = {
  name: "WebSocket",
  listen: listenWebSocket,
  greeting: upgradeRequest(),
  frame: (opcode, payload) => clientFrame({ opcode, payload }, 0x0102_0304),
};

export const dialects = [tcp, webSocket];

/** A server with the limits of a gateway. */
export function serve(dialect: Dialect, values: Partial<LimitValues>) {
  const limits = testLimits(values);
  const accepted: Recording[] = [];
  const proxies = new TrustedProxies(undefined, silentLog, systemClock);
  const options: TestOptions = {
    ...testOptions(),
    ...clientBounds(limits),
    admission: clientAdmission(limits, 1_000, proxies, new RareLog(silentLog, systemClock)),
  };
  const server = dialect.listen(loopback, recordingAcceptor(accepted), options);
  servers.push(server);
  /** A client, once it has been accepted. */
  const connect = async (): Promise<{ socket: Socket; owner: Recording }> => {
    const port = Number(server.address.slice(server.address.lastIndexOf(":") + 1));
    const socket = createConnection({ host: "127.0.0.1", port, noDelay: true });
    sockets.push(socket);
    socket.on("error", () => {});
    socket.resume();
    const before = accepted.length;
    socket.write(dialect.greeting);
    await eventually(() => accepted.length > before);
    const owner = accepted[before];
    if (owner === undefined) throw new Error("one was accepted");
    return { socket, owner };
  };
  return { limits, options, connect };
}

/** Runs a step on each transport, one after the other. */
export const onEach = (step: (dialect: Dialect) => Promise<void>) => async (): Promise<void> => {
  for (const dialect of dialects) await step(dialect);
};

/** Ends the servers and the sockets of each test. */
export function endServers(): void {
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await Promise.all(servers.splice(0).map((server) => server.close(closeNormal)));
  });
}
