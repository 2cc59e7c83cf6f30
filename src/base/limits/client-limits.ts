// What a client's connection may take, before and after it has signed in.

import { headerFieldsMax } from "./fixed.ts";
import { atClients, bytes, count, kib, mib } from "./limit.ts";

export const clientLimits = {
  requestsPerSecond: count(2_000, atClients, "requests of a connection, a second", "RateLimited"),
  requestsAtOnce: count(4_000, atClients, "requests of a connection, at once", "RateLimited"),
  framesPerSecond: count(10_000, atClients, "frames of any kind of a connection, a second", "closed, 4008"),
  framesAtOnce: count(20_000, atClients, "frames of any kind of a connection, at once", "closed, 4008"),
  connectionsPerAddress: count(1_000, atClients, "connections from one address (not loopback)", "closed, 4008"),
  signInsPerSecondPerAddress: count(
    50,
    atClients,
    "sign-ins from one address (not loopback), a second",
    "closed, 4008",
  ),
  pendingConnections: count(
    2_000,
    atClients,
    "connections that have not signed in",
    "the one that has been silent for the longest time is closed, 4008",
  ),
  pendingConnectionsPerAddress: count(
    200,
    atClients,
    "connections from one address (not loopback) that have not signed in",
    "the one that has been silent for the longest time is closed, 4008",
  ),
  signInFrameBytes: bytes(32 * kib, atClients, "a frame before the sign-in", "closed, 1009"),
  frameBytes: bytes(mib, atClients, "a frame from a client", "closed, 1009", { min: 32 * kib, max: 16 * mib }),
  unsentBytes: bytes(mib, atClients, "bytes that wait unsent for a connection", "closed, 1013"),
  unsentBytesInAll: bytes(
    256 * mib,
    atClients,
    "bytes that wait unsent for all connections",
    "the largest is closed, 1013",
  ),
  metasPerRequest: count(64, atClients, "metas in the header of a request", "InvalidPacketBody", {
    max: headerFieldsMax / 2,
  }),
} as const;
