// Scenario `login`: a storm. Clients that are not known yet connect and sign in as fast as they are answered, so many
// at a time, until all of them are in; all of them stay. Latencies are from the first byte of the connection to the
// answer.

import { inBatches } from "../generator/in-batches.ts";
import type { Load } from "../generator/load.ts";
import { LoadClient, tokenFor } from "../generator/load-client.ts";
import { isGeneratorFree, sharesBetween, usageFields, usageOf } from "../generator/usage.ts";
import { Latency } from "../latency.ts";
import type { Findings } from "../result.ts";
import type { Scenario } from "../scenario.ts";

/** Before the storm, so that the server's code is warm. */
export const warmUpConnections = 500;
const tokensAbreast = 100;

/** In the generator: `connections`, `window`. */
export async function loadLogin({ target, settings, tell }: Load): Promise<Findings[]> {
  const { connections, window, run, isTrial } = settings;
  const warm = isTrial ? 0 : warmUpConnections;
  const total = connections + warm;
  const names = Array.from({ length: total }, (_, index) => `login-${run}-${index}`);
  const tokens = await inBatches(total, tokensAbreast, (index) => tokenFor(target, names[index] ?? ""));
  const failing = Promise.withResolvers<never>();
  failing.promise.catch(() => undefined);
  const events = {
    answered() {},
    pushed() {},
    lost: (reason: string) => failing.reject(new Error(`${reason} in the middle of the run`)),
  };
  const clients: LoadClient[] = [];
  const latency = new Latency();
  const signIn = async (index: number): Promise<void> => {
    const startMs = performance.now();
    const client = await LoadClient.signIn(target, names[index] ?? "", events, { token: tokens[index] });
    clients.push(client);
    if (index >= warm) latency.record(startMs, performance.now());
  };
  const unlessLost = <T>(work: Promise<T>): Promise<T> => Promise.race([work, failing.promise]);
  try {
    await unlessLost(inBatches(warm, window, signIn, (done) => tell("warming up", done)));
    const before = usageOf(target);
    await unlessLost(
      inBatches(
        connections,
        window,
        (index) => signIn(warm + index),
        (done) => tell("signing in", done),
      ),
    );
    const after = usageOf(target);
    const shares = sharesBetween(before, after);
    const elapsed = (after.atMs - before.atMs) / 1000;
    const gone = clients.filter(({ isEnded }) => isEnded).length;
    if (gone > 0) throw new Error(`${gone} of ${connections} connections ended after their sign-in`);
    return [
      {
        connections,
        window,
        seconds: Math.round(elapsed * 100) / 100,
        sent: connections,
        answered: latency.count,
        per_second: Math.round(connections / elapsed),
        ...latency.fields(),
        ...usageFields(target, shares),
        valid: isGeneratorFree(shares),
      },
    ];
  } finally {
    for (const client of clients) client.disconnect();
  }
}

export const login: Scenario = {
  name: "login",
  takesUrl: true,
  async run(bench) {
    const { connections = 5_000, window = 100 } = bench.options;
    for (const transport of bench.transports)
      bench.report(
        await bench.measure({
          scenario: "login",
          load: "login",
          transport,
          connections: connections + warmUpConnections,
          settings: { connections, window },
        }),
      );
  },
};
