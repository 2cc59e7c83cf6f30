// What was sent over the HTTP API, as those who have received it see it; and a server that has the API.

import type { OnServer } from "../bench.ts";
import { inBatches } from "../generator/in-batches.ts";
import type { Load } from "../generator/load.ts";
import { LoadClient } from "../generator/load-client.ts";
import { readIndex } from "../generator/offline-index.ts";
import { receiverName } from "../generator/people.ts";
import { measuredLimits } from "../server/limits.ts";
import { startServer } from "../server/standalone.ts";

/** Indexes that are read at once. */
const abreast = 4;

/** Reads what the receivers have; throws a sentence unless it is what was sent. Returns how many messages that is. */
export async function checkReceivers(
  { target, settings, tell }: Load,
  receivers: number,
  sent: (receiver: number) => number,
): Promise<number> {
  const events = { answered() {}, pushed() {}, lost() {} };
  const found = await inBatches(
    receivers,
    abreast,
    async (number) => {
      const account = receiverName(settings.run, number);
      const client = await LoadClient.signIn(target, account, events, { device: "bench" });
      const { ids } = await readIndex(client);
      client.disconnect();
      if (ids.length !== sent(number))
        throw new Error(`${sent(number)} messages to ${account} were answered, and its index has ${ids.length}`);
      return ids.length;
    },
    (done) => tell("reading the indexes", done),
  );
  return found.reduce((total, count) => total + count, 0);
}

/** `words`: further ones of its command line. */
export function onApiServer(...words: readonly string[]): OnServer {
  return async (work) => {
    const server = await startServer({ limits: measuredLimits, words });
    try {
      return await work(server);
    } finally {
      await server.stop();
    }
  };
}
