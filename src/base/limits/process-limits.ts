// What holds for a process as a whole.

import { type LimitRole, ms } from "./limit.ts";

const everywhere: readonly LimitRole[] = ["standalone", "gateway", "login", "chat", "discovery"];

export const processLimits = {
  // Of the shortest time, seconds are kept for leaving the registry and closing stores.
  shutdownMs: ms(10_000, everywhere, "time to leave, after SIGTERM", "the process ends anyway", {
    min: 5_000,
    max: 15 * 60_000,
  }),
} as const;
