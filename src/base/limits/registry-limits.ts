// What the registry (`discovery`) holds.

import { atRegistry, count } from "./limit.ts";

export const registryLimits = {
  instances: count(100_000, atRegistry, "instances", "code -509"),
  instancesPerAddress: count(
    10_000,
    atRegistry,
    "instances that one address (not loopback) has registered",
    "code -509",
  ),
} as const;
