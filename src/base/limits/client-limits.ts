// Limits of a client's connection, before and after it has signed in.

import { headerFieldsMax } from "./fixed.ts";
import { atClients, bytes, count, kib, mib } from "./limit.ts";

export const clientLimits = {
  requestsPerSecond: count(2_000, atClients, "requests of a connection, a second", "RateLimited"),
  requestsAtOnce: count(4_000, atClients, "requests of a connection, at once", "RateLimited"),
  framesPerSecond: count(
    10_000,
    atClients,
    "frames of a connection, a second; those without a packet count two hundredfold",
    "closed, 4008",
  ),
  framesAtOnce: count(
    20_000,
    atClients,
    "frames of a connection, at once; those without a packet count two hundredfold",
    "closed, 4008",
  ),
  connectionsPerAddress: count(1_000, atClients, "connections from one address (not loopback)", "closed, 4008"),
  signInsPerSecondPerAddress: count(
    50,
    atClients,
    "sign-ins from one address (not loopback), a second",
    "closed, 4008",
  ),
  // Each may hold signInFrameBytes: 125 MiB at most. When thousands reconnect at once, all of them are unverified for
  // as long as their packets travel.
  pendingConnections: count(
    4_000,
    atClients,
    "connections whose token has not been verified yet",
    "the one that has been silent for the longest time is closed, 4008",
  ),
  pendingConnectionsPerAddress: count(
    200,
    atClients,
    "connections from one address (not loopback) whose token has not been verified yet",
    "the one that has been silent for the longest time is closed, 4008",
  ),
  // Minimum: the longest token fits.
  signInFrameBytes: bytes(32 * kib, atClients, "bytes from a connection before it is signed in", "closed, 1009", {
    min: 16 * kib,
    max: mib,
  }),
  // Maximum: with the gateway's stamps it fits into a frame of a link.
  frameBytes: bytes(mib, atClients, "a frame from a client", "closed, 1009", { min: 32 * kib, max: 8 * mib }),
  unsentBytes: bytes(mib, atClients, "bytes that wait unsent for a connection", "closed, 1013", { min: 16 * kib }),
  unsentBytesInAll: bytes(
    256 * mib,
    atClients,
    "bytes that wait unsent for all connections",
    "the largest is closed, 1013",
    { min: mib },
  ),
  metasPerRequest: count(64, atClients, "metas in the header of a request", "InvalidPacketBody", {
    max: headerFieldsMax / 2,
  }),
} as const;
