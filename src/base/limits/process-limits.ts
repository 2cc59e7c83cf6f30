// Limits of a process as a whole.

import { type LimitRole, ms } from "./limit.ts";

const everywhere: readonly LimitRole[] = ["standalone", "gateway", "login", "chat", "discovery"];

export const processLimits = {
  // Even the shortest time leaves seconds to leave the registry and close stores.
  shutdownMs: ms(10_000, everywhere, "time to leave, after SIGTERM", "the process ends anyway", {
    min: 5_000,
    max: 15 * 60_000,
  }),
} as const;
