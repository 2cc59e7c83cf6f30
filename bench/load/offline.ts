// Scenario `offline`: as `talk`, but nobody is there to listen. What was stored is read afterwards, by the receivers'
// indexes: an answered message that is not in its receiver's index is lost.

import { inBatches } from "../generator/in-batches.ts";
import { readIndex } from "../generator/offline-index.ts";
import type { Load } from "../generator/load.ts";
import { LoadClient } from "../generator/load-client.ts";
import { runLoop } from "../generator/loop.ts";
import { connectPairs, receiverName } from "../generator/people.ts";
import { Traffic } from "../generator/traffic.ts";
import type { Findings } from "../result.ts";
import type { Scenario } from "../scenario.ts";

/** Receivers that read at once. */
const abreast = 4;

/** In the generator: `senders`, and `window` or `rate`. */
export async function loadOffline(load: Load): Promise<Findings[]> {
  const { target, settings, tell } = load;
  const traffic = new Traffic({ audience: 0, until: "answered" });
  await connectPairs(traffic, load, false);
  try {
    const [whole, ...parts] = await runLoop(traffic, load);
    if (whole === undefined) return [];
    const found = await inBatches(
      settings.senders,
      abreast,
      async (number) => {
        const lost = (reason: string): void => traffic.fail(`${reason} while the index was read`);
        const events = { answered() {}, pushed() {}, lost };
        const client = await LoadClient.signIn(target, receiverName(settings.run, number), events, { device: "bench" });
        const index = await Promise.race([readIndex(client), traffic.failure]);
        client.disconnect();
        return { ...index, missing: (traffic.senders[number]?.sent ?? 0) - index.ids.length };
      },
      (done) => tell("reading the indexes", done),
    );
    const delivered = found.reduce((total, { ids }) => total + ids.length, 0);
    const lost = found.reduce((total, { missing }) => total + Math.max(0, missing), 0);
    const duplicated = found.reduce((total, index) => total + Math.max(0, -index.missing), 0);
    const reordered = found.reduce((total, index) => total + index.reordered, 0);
    if (lost > 0)
      throw new Error(
        `${lost} of ${traffic.sent} messages were answered and are in no index; there is no figure for that`,
      );
    const isSound = duplicated === 0 && reordered === 0;
    return [{ ...whole, delivered, duplicated, reordered, valid: whole.valid && isSound }, ...parts];
  } finally {
    traffic.disconnect();
  }
}

export const offline: Scenario = {
  name: "offline",
  takesUrl: true,
  async run(bench) {
    const { senders = 50, window = 32, rate } = bench.options;
    const settings = rate === undefined ? { senders, window } : { senders, rate };
    for (const transport of bench.transports.slice(0, 1)) {
      const plan = { scenario: "offline", load: "offline", transport, connections: senders, settings } as const;
      bench.report(await bench.measure(plan));
    }
  },
};
