// The registry's DNS.

import { atRegistry, count } from "./limit.ts";

export const dnsLimits = {
  dnsConnections: count(256, atRegistry, "connections of DNS over TCP", "the oldest idle one is closed"),
} as const;
