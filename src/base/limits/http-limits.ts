// Limits of the HTTP servers: the registry, and the monitor of every other process.

import { atRegistry, bytes, count, kib, type LimitRole, mib, ms } from "./limit.ts";

const atMonitors: readonly LimitRole[] = ["standalone", "gateway", "login", "chat"];

export const httpLimits = {
  registryConnections: count(
    70_000,
    atRegistry,
    "connections of the registry (fewer where the system allows fewer open files)",
    "the one that has been silent for the longest time is closed",
    { min: 16 },
  ),
  registryConnectionsPerAddress: count(
    6_000,
    atRegistry,
    "connections of the registry from one address (not loopback); at most half of all where the system allows fewer",
    "closed",
  ),
  registryHeadMs: ms(10_000, atRegistry, "time for a request's head", "HTTP status 408, closed", { min: 500 }),
  registryBodyMs: ms(10_000, atRegistry, "time for a request's body", "HTTP status 408, closed", { min: 500 }),
  registryHeadBytes: bytes(128 * kib, atRegistry, "a request's head", "HTTP status 431, closed", {
    min: 8 * kib,
    max: mib,
  }),
  registryBodyBytes: bytes(128 * kib, atRegistry, "a request's body", "code -400, closed", { min: kib, max: 16 * mib }),
  registryReceivedBytes: bytes(
    64 * mib,
    atRegistry,
    "bytes of requests that have not ended, of all connections",
    "the connection with the most of them is closed",
    { min: 32 * mib },
  ),
  registryAnswerBytes: bytes(64 * mib, atRegistry, "an answer's body (except fetch/all)", "code -509", { min: mib }),
  registryUnreadBytes: bytes(
    256 * mib,
    atRegistry,
    "bytes of answers that are not read; what several answers share counts once",
    "code -509",
    { min: mib },
  ),
  registryUnreadBytesPerAddress: bytes(64 * mib, atRegistry, "the same of one address (not loopback)", "code -509", {
    min: mib,
  }),
  listings: count(4, atRegistry, "fetch/all at a time (other nodes of the registry are not counted)", "code -509"),
  listingsPerAddress: count(1, atRegistry, "fetch/all of one address (not loopback) at a time", "code -509"),
  polls: count(50_000, atRegistry, "long polls that wait; at most three quarters of the connections", "code -509"),
  pollsPerAddress: count(5_000, atRegistry, "long polls of one address (not loopback) that wait", "code -509"),
  watches: count(
    300_000,
    atRegistry,
    "services that all waiting polls name; a name counts once more for each 128 characters",
    "code -509",
    { min: 1_024 },
  ),
  watchesPerAddress: count(50_000, atRegistry, "the same of one address (not loopback)", "code -509", { min: 1_024 }),
  servicesPerRequest: count(1_000, atRegistry, "services that a request names", "code -400", { max: 100_000 }),
  hostsPerSet: count(1_000, atRegistry, "hosts that a set names", "code -400", { max: 100_000 }),
  monitorConnections: count(
    128,
    atMonitors,
    "connections of the monitor",
    "the one that has been silent for the longest time is closed",
    { min: 4 },
  ),
  monitorConnectionsPerAddress: count(
    32,
    atMonitors,
    "connections of the monitor from one address (not loopback)",
    "closed",
  ),
} as const;
