// Limits of the registry's table.

import { leaseMs } from "./fixed.ts";
import { atRegistry, bytes, count, kib, mib, ms } from "./limit.ts";

export const registryLimits = {
  instances: count(100_000, atRegistry, "instances", "code -509", { max: 1_000_000 }),
  instancesReserved: count(
    10_000,
    atRegistry,
    "instances beyond that, for services of this server and nodes of the registry alone",
    "code -509",
    { min: 0, max: 1_000_000 },
  ),
  instancesBytes: bytes(
    256 * mib,
    atRegistry,
    "names, addresses and metadata of all instances (for services of this server 4 KiB more for each one reserved)",
    "code -509",
    { min: 64 * kib },
  ),
  instancesPerAddress: count(
    10_000,
    atRegistry,
    "instances that one address (not loopback) has registered",
    "code -509",
  ),
  registryNameBytes: bytes(256, atRegistry, "a name of an instance", "code -400", { min: 64, max: kib }),
  instanceAddresses: count(32, atRegistry, "addresses of an instance", "code -400", { max: 256 }),
  instanceAddressBytes: bytes(512, atRegistry, "an address of an instance", "code -400", { min: 64, max: 4 * kib }),
  instanceMetadataEntries: count(128, atRegistry, "entries of an instance's metadata", "code -400", {
    min: 16,
    max: 1_024,
  }),
  instanceMetadataBytes: bytes(16 * kib, atRegistry, "an instance's metadata", "code -400", {
    min: kib,
    max: 64 * kib,
  }),
  timestampAhead: ms(15 * 60_000, atRegistry, "a timestamp ahead of the node's clock", "code -400", {
    min: 60_000,
    max: 24 * 60 * 60_000,
  }),
  silentShare: count(
    15,
    atRegistry,
    "percent of more than 10 instances that may fall silent at once",
    'silent instances are kept until enough are heard again, and marked `"stale":true`',
    { max: 100 },
  ),
  // Less than the life of a tombstone, so that nothing revives a cancelled instance.
  protectedLease: ms(60 * 60_000, atRegistry, "time for which silent instances are kept then", "they are forgotten", {
    min: leaseMs,
    max: 90 * 60_000,
  }),
  tombstones: count(
    200_000,
    atRegistry,
    "cancelled instances that are remembered, for 2 hours",
    "the oldest are forgotten",
    { max: 2_000_000 },
  ),
  registryNodes: count(256, atRegistry, "other nodes that a node lists and talks to", "further ones are left out", {
    max: 4_096,
  }),
} as const;
