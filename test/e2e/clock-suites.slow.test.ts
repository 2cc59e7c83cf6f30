// The suites of the store, the sessions, the registry and the links again, with a wall clock that steps every second
// while they run. Left out: what starts redis-server, which libfaketime breaks, and what signs in, because a token is
// good by the wall clock (cluster-clock.test.ts signs in while the clock steps).

import { afterAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { until } from "../../scripts/harness/until.ts";
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
const purges = "after ids of a year ahead|deletes what is older than the retention, in slices";
/** What ends by itself after a fixed time has ended when the clock leaps: the time to edit, requests to join. */
const ends = "within the window|two answers to one request|requests to join|joinRequests";
const allBut = `^(?!.*(${purges}|${ends}))`;
const offsetsMs = [30 * dayMs, -30 * dayMs, hourMs, -365 * dayMs, 0];

/**
 * JavaScriptCore waits until moments of the wall clock, also for a millisecond. If libfaketime's clock is set back
 * meanwhile, one of its threads sleeps for as long as that, and a worker that waits for this thread never runs: one of
 * some hundred stores that open and close while the clock steps. Then a hook or a test times out, and the suite has
 * two further attempts; whatever fails otherwise, or each time, is a failure.
 */
const attempts = 3;

/** Runs a suite by the clock. Returns its failed tests, and whether all of them timed out. */
async function run(suite: string, clock: SteppedClock): Promise<{ failed: readonly string[]; hangs: boolean }> {
  await using child = Bun.spawn([process.execPath, "test", "--timeout", "60000", "-t", allBut, suite], {
    cwd: root,
    env: { ...process.env, ...clock.variables() },
    stdout: "ignore",
    stderr: "pipe",
  });
  const lines = (await new Response(child.stderr).text()).split("\n");
  // Bun names a failed test twice: where it failed, and at the end.
  const failed = [...new Set(lines.filter((line) => line.startsWith("(fail)")))];
  const timeouts = lines.filter((line) => /^ {2}\^ .* timed out /.test(line));
  if ((await child.exited) !== 0 && failed.length === 0) failed.push(`${suite}: ${lines.slice(-5).join(" ")}`);
  return { failed, hangs: failed.length > 0 && timeouts.length >= failed.length };
}

describe.skipIf(isSteppedClockMissing)("while the clock steps every second", () => {
  const clock = new SteppedClock();
  let steps = 0;
  const stepping = setInterval(() => clock.stepTo(offsetsMs[steps++ % offsetsMs.length] ?? 0), 1_000);
  afterAll(() => {
    clearInterval(stepping);
    clock.remove();
  });

  test.each(suites)(
    "%s passes",
    async (suite) => {
      const before = steps;
      for (let attempt = 1; ; attempt++) {
        const { failed, hangs } = await run(suite, clock);
        if (attempt < attempts && hangs) continue;
        expect(failed).toEqual([]);
        break;
      }
      await until(() => steps > before, "the clock has stepped");
    },
    600_000,
  );
});
