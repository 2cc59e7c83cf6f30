// Scenario `echo`: a bare echo server gets the same requests, and sends them back. It is the ceiling: no server can
// show more on this machine with this generator. Other scenarios are given as shares of it, with as many connections
// and as much in flight.

import { inBatches } from "../generator/in-batches.ts";
import type { Load } from "../generator/load.ts";
import { LoadClient } from "../generator/load-client.ts";
import { runLoop } from "../generator/loop.ts";
import { TalkTemplate } from "../generator/numbered-talk.ts";
import { bodyBytes } from "../generator/people.ts";
import { eventsOf, Traffic } from "../generator/traffic.ts";
import type { Findings } from "../result.ts";
import type { Scenario } from "../scenario.ts";
import { Command } from "../../src/wire/commands.ts";

const abreast = 50;

/** In the generator: `connections`, `window`. Nobody signs in. */
export async function loadEcho(load: Load): Promise<Findings[]> {
  const { target, settings, tell } = load;
  const traffic = new Traffic({ audience: 0, until: "answered" });
  await inBatches(
    settings.connections,
    abreast,
    async () => {
      const sender = traffic.sender();
      sender.client = await LoadClient.connect(target, eventsOf(traffic, sender));
      const dest = `receiver-${settings.run}-${sender.number}`;
      const plan = { command: Command.UserTalk, dest, sender: sender.number, bodyBytes };
      sender.requests = new TalkTemplate(sender.client.dialect, plan);
    },
    (done) => tell("connecting", done),
  );
  try {
    const [whole] = await runLoop(traffic, load);
    if (whole === undefined) return [];
    // The generator has more to do than this server: that it is the bottleneck is what the figure is for.
    const valid = whole["duplicated"] === 0;
    const { doubt: _, ...found } = whole;
    return [{ ...found, delivered: null, lost: null, reordered: null, valid }];
  } finally {
    traffic.disconnect();
  }
}

export const echo: Scenario = {
  name: "echo",
  takesUrl: false,
  async run(bench) {
    const { connections = 50, window = 32 } = bench.options;
    for (const transport of bench.transports) {
      bench.report([await bench.bareResult({ transport, connections, window })]);
    }
  },
};
