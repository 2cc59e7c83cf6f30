// The suites of the store, the sessions, the registry and the links again, with a wall clock that steps every second
// while they run. Left out: what starts redis-server, which libfaketime breaks, and what signs in, because a token is
// good by the wall clock (cluster-clock.test.ts signs in while the clock steps).

import { expect, test } from "bun:test";
import { join } from "node:path";
import { dayMs, hourMs, isSteppedClockMissing, SteppedClock } from "../support/stepped-clock.ts";

const root = join(import.meta.dir, "../..");
const suites = [
  "store/sqlite-store",
  "store/sqlite-suites.slow",
  "store/log-and-runs",
  "store/runs",
  "session/sqlite-sessions",
  "session/sqlite-file",
  "registry/registrar",
  "registry/table",
  "registry/replication",
  "registry/outbox",
  "registry/registry-node",
  "node/membership",
  "routing/dependency",
  "link/one-process",
].map((name) => join("test", `${name}.test.ts`));
/** They assert that the purge does not wait; with a clock that leaps it has to. */
const allBut = "^(?!.*(after ids of a year ahead|deletes what is older than the retention, in slices))";
const offsetsMs = [30 * dayMs, -30 * dayMs, hourMs, -365 * dayMs, 0];

test.skipIf(isSteppedClockMissing)(
  "the suites of store, sessions, registry and links pass while the clock steps every second",
  async () => {
    const clock = new SteppedClock();
    let steps = 0;
    const stepping = setInterval(() => clock.stepTo(offsetsMs[steps++ % offsetsMs.length] ?? 0), 1_000);
    const child = Bun.spawn([process.execPath, "test", "--timeout", "180000", "-t", allBut, ...suites], {
      cwd: root,
      env: { ...process.env, ...clock.variables() },
      stdout: "ignore",
      stderr: "pipe",
    });
    try {
      const said = await new Response(child.stderr).text();
      const failed = said.split("\n").filter((line) => line.startsWith("(fail)"));
      expect({ failed, status: await child.exited }).toEqual({ failed: [], status: 0 });
      expect(steps).toBeGreaterThan(0);
    } finally {
      clearInterval(stepping);
      child.kill("SIGKILL");
      await child.exited;
      clock.remove();
    }
  },
  600_000,
);
