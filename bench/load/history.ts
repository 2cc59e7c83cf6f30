// Scenario `history`: pages of histories, on a filled store, beside an open loop of talks: the newest ones, and any
// place after the kernel's page cache was emptied.

import { closeSync, openSync, writeSync } from "node:fs";
import { readerName, readers, senderName } from "../filled/population.ts";
import { historyPage, signInForConversations } from "../generator/conversation-client.ts";
import type { Load } from "../generator/load.ts";
import type { LoadClient } from "../generator/load-client.ts";
import type { Findings } from "../result.ts";
import type { Scenario } from "../scenario.ts";
import { type Ask, loadAsks, measureAsks } from "./asks.ts";

const page = 50;
const cold = "cold";

/** In the generator: `part`, and the talks' `senders` and `rate`. */
export function loadHistory(load: Load): Promise<Findings[]> {
  const { part, isTrial } = load.settings;
  return loadAsks(load, {
    prepare: (lost) => prepare(load, lost),
    begin: () => (part === cold ? { page_cache_dropped: !isTrial && dropPageCache() } : {}),
  });
}

async function prepare(
  { target, settings }: Load,
  lost: (reason: string) => void,
): Promise<{ readonly ask: Ask; readonly clients: readonly LoadClient[] }> {
  const names = Array.from({ length: readers.count }, (_, number) => readerName(number));
  const clients = await Promise.all(names.map((name) => signInForConversations(target, name, { lost })));
  const span = await spanOf(clients[0]);
  // Around one of the first or last messages there are fewer, but half of the page; in a trial there are few.
  const least = settings.isTrial ? 1 : settings.part === cold ? page / 2 : page;
  let asked = 0;
  const ask = async (): Promise<number> => {
    const number = asked++;
    const client = clients[number % readers.count];
    if (client === undefined) throw new Error("nobody reads");
    const account = senderName(Math.floor(number / readers.count) % readers.partners);
    // Multiples of the golden ratio are spread evenly and meet no place twice.
    const share = (number * 0.618_033_988_749_895) % 1;
    const around = span.first + BigInt(Math.floor(Number(span.last - span.first) * share));
    const where = settings.part === cold ? { around } : {};
    const { messages } = await historyPage(client, { account, limit: page, ...where });
    const { heardMs } = client;
    if (messages.length < least)
      throw new Error(`a page of the history of ${names[number % readers.count]} has ${messages.length} messages`);
    return heardMs;
  };
  return { ask, clients };
}

async function spanOf(reader: LoadClient | undefined): Promise<{ readonly first: bigint; readonly last: bigint }> {
  if (reader === undefined) throw new Error("nobody reads");
  const where = { account: senderName(0), limit: page };
  const oldest = await historyPage(reader, { ...where, after: 1n });
  const newest = await historyPage(reader, where);
  const [first, last] = [oldest.messages[0]?.messageId, newest.messages.at(-1)?.messageId];
  if (first === undefined || last === undefined) throw new Error("there is no history to read");
  return { first, last };
}

/** Empties the kernel's page cache; false where that is not permitted. */
function dropPageCache(): boolean {
  try {
    const file = openSync("/proc/sys/vm/drop_caches", "w");
    try {
      writeSync(file, "1");
    } finally {
      closeSync(file);
    }
    return true;
  } catch {
    return false;
  }
}

export const history: Scenario = {
  name: "history",
  takesUrl: false,
  run: (bench) =>
    bench.onFilledServer("history", async (server, facts) => {
      await measureAsks(bench, server, { scenario: "history", load: "history", facts });
      await measureAsks(bench, server, { scenario: "history-cold", load: "history", part: cold, facts });
    }),
};
