// Limits of sessions: devices of an account, how long sessions outlive their gateway, and kicks.

import { atChat, atLogin, count, type LimitRole, ms } from "./limit.ts";

/** Roles whose sessions outlive a process; a standalone server's end with it. */
const atSharedSessions: readonly LimitRole[] = ["login"];

export const sessionLimits = {
  devicesPerAccount: count(16, atLogin, "devices of an account at once", "the sign-in is refused, Forbidden", {
    max: 1_000,
  }),
  // Renewals come every gatewayRenewMs: a lost one and a late one end nothing.
  gatewayLeaseMs: ms(10_000, atSharedSessions, "a gateway that no login node hears", "its sessions end", {
    min: 5_000,
    max: 600_000,
  }),
  revocations: count(100_000, atChat, "kicks and revocations that are kept", "the next one is refused", {
    max: 1_000_000,
  }),
} as const;
