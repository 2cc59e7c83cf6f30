// Scenario `idle`: what signed-in connections that say nothing cost the server: memory, and CPU a minute.

import { inBatches } from "../generator/in-batches.ts";
import type { Load } from "../generator/load.ts";
import { LoadClient, tokenFor } from "../generator/load-client.ts";
import { isGeneratorFree, sharesBetween, usageFields, usageOf } from "../generator/usage.ts";
import { residentBytes } from "../process-usage.ts";
import type { Findings } from "../result.ts";
import type { Scenario } from "../scenario.ts";

/** Sign-ins under way at once. */
const abreast = 100;
/** After the last sign-in, until memory is read: garbage of the storm is collected by then. */
const settleMs = 10_000;
const connectionsDefault = 15_000;
/** CPU is counted in hundredths of a second: less than this says nothing. */
const secondsMin = 10;

/** In the generator: `connections`. Throws when the server cannot be looked into, or a connection ends. */
export async function loadIdle({ target, settings, tell }: Load): Promise<Findings[]> {
  const { connections, run, isTrial } = settings;
  if (target.processes.length === 0)
    throw new Error("idle measures the server's processes: let the bench start the server, without --url");
  const seconds = isTrial ? settings.seconds : Math.max(settings.seconds, secondsMin);
  const failing = Promise.withResolvers<never>();
  failing.promise.catch(() => undefined);
  const events = {
    answered() {},
    pushed() {},
    lost: (reason: string) => failing.reject(new Error(`${reason} in the middle of the run`)),
  };
  const unlessLost = <T>(work: Promise<T>): Promise<T> => Promise.race([work, failing.promise]);
  const names = Array.from({ length: connections }, (_, index) => `idle-${run}-${index}`);
  const tokens = await inBatches(connections, abreast, (index) => tokenFor(target, names[index] ?? ""));
  const clients = [await LoadClient.signIn(target, `idle-${run}-warm`, events)];
  try {
    await Bun.sleep(isTrial ? 0 : 1_000);
    const memory = (): number => target.processes.reduce((total, { pid }) => total + residentBytes(pid), 0);
    const bytesBefore = memory();
    const signIn = async (index: number): Promise<void> =>
      void clients.push(await LoadClient.signIn(target, names[index] ?? "", events, { token: tokens[index] }));
    await unlessLost(inBatches(connections, abreast, signIn, (done) => tell("signing in", done)));
    tell("settling", 0);
    await unlessLost(Bun.sleep(isTrial ? 0 : settleMs));
    const bytes = memory() - bytesBefore;
    const before = usageOf(target);
    tell("measuring", 0);
    await unlessLost(Bun.sleep(seconds * 1000));
    const after = usageOf(target);
    const shares = sharesBetween(before, after);
    const cores = shares.processes.reduce((total, share) => total + share, 0);
    return [
      {
        connections,
        seconds,
        ...usageFields(target, shares),
        valid: isGeneratorFree(shares),
        bytes_per_connection: Math.round(bytes / connections),
        cpu_ms_per_minute: Math.round(cores * 60_000),
      },
    ];
  } finally {
    for (const client of clients) client.disconnect();
  }
}

export const idle: Scenario = {
  name: "idle",
  takesUrl: false,
  async run(bench) {
    const connections = bench.options.connections ?? Math.min(connectionsDefault, bench.connectionsMax);
    if (bench.options.connections === undefined && connections < connectionsDefault)
      bench.say(
        `idle: ${connections} connections instead of ${connectionsDefault}: a process may not have more files open; ` +
          "raise it with ulimit -n",
      );
    for (const transport of bench.transports)
      bench.report(
        await bench.measure({ scenario: "idle", load: "idle", transport, connections, settings: { connections } }),
      );
  },
};
