// The registry (`discovery`) over HTTP.

import { atRegistry, count } from "./limit.ts";

export const registryLimits = {
  instances: count(100_000, atRegistry, "instances", "code -509"),
  instancesPerAddress: count(
    10_000,
    atRegistry,
    "instances that one address (not loopback) has registered",
    "code -509",
  ),
  polls: count(50_000, atRegistry, "long polls that wait", "code -509"),
  pollsPerAddress: count(5_000, atRegistry, "long polls of one address (not loopback) that wait", "code -509"),
} as const;
