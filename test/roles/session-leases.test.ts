// What a login node tells of leases that it has ended.

import { expect, test } from "bun:test";
import { silentLog } from "../../src/base/log.ts";
import { Dispatcher } from "../../src/service/dispatcher.ts";
import { SessionLeases } from "../../src/roles/login/session-leases.ts";
import { MemorySessions } from "../../src/session/memory-sessions.ts";
import { testLimits } from "../support/limits.ts";
import { ManualTimers } from "../support/manual-timers.ts";

class EndingSessions extends MemorySessions {
  leasesEnded = 0;
}

test("each lease that ended because no login node heard its gateway counts as a limit that was reached", async () => {
  const sessions = new EndingSessions();
  const limits = testLimits();
  const leases = new SessionLeases(sessions, new Dispatcher(), limits, silentLog, new ManualTimers());
  try {
    await leases.linkedTo("g1", "i1");
    expect(limits.reached.get("gatewayLeaseMs")).toBeUndefined();
    sessions.leasesEnded = 2;
    await leases.linkedTo("g2", "i1");
    expect(limits.reached.get("gatewayLeaseMs")).toBe(2);
    await leases.linkedTo("g3", "i1");
    expect(limits.reached.get("gatewayLeaseMs")).toBe(2);
  } finally {
    leases.stop();
  }
});
