// Scenario `conversations`: lists of conversations with unread counts, on a filled store: the first page beside an open
// loop of talks, and the whole list at a sign-in.

import { FilledTalks } from "../filled/filled-talks.ts";
import { arriving, listerName, type ListSize, listSizes, populationOf } from "../filled/population.ts";
import { checkList, listAll, listPage, signInForConversations } from "../generator/conversation-client.ts";
import type { Load } from "../generator/load.ts";
import { type LoadClient, tokenFor } from "../generator/load-client.ts";
import { isGeneratorFree, sharesBetween, usageFields, usageOf } from "../generator/usage.ts";
import { Latency } from "../latency.ts";
import type { Findings } from "../result.ts";
import type { Scenario } from "../scenario.ts";
import { loadAsks, asksWarmUpMs, measureAsks } from "./asks.ts";

const page = 50;

function isListSize(part: string): part is ListSize {
  return Object.hasOwn(listSizes, part);
}

/** The conversations that a filled store has for an account. */
function expectedOf({ settings: { isTrial, messages } }: Load, account: string) {
  return new FilledTalks({ app: "", people: populationOf(isTrial, messages), rows: 0 }).conversations(account);
}

/** In the generator: `part`, the `messages` that wait for one of the people, and the talks' `senders` and `rate`. */
export function loadLists(load: Load): Promise<Findings[]> {
  const { part } = load.settings;
  if (!isListSize(part)) throw new Error(`there are no lists of size ${part}`);
  const expected = expectedOf(load, listerName(part)).slice(0, page);
  return loadAsks(load, {
    prepare: async (lost) => {
      const client = await signInForConversations(load.target, listerName(part), { lost });
      const ask = async (): Promise<number> => {
        const { conversations } = await listPage(client, page);
        const { heardMs } = client;
        checkList(conversations, expected);
        return heardMs;
      };
      return { ask, clients: [client] };
    },
  });
}

/** In the generator: `messages`, as above. Each sign-in ends with a whole list that is right. */
export async function loadArrivals(load: Load): Promise<Findings[]> {
  const { target, settings, tell } = load;
  const { seconds, warmUpMs } = settings;
  const expected = expectedOf(load, arriving);
  const token = await tokenFor(target, arriving);
  const latency = new Latency();
  const fromMs = performance.now() + warmUpMs;
  let before = usageOf(target);
  let pages = 0;
  do {
    const startMs = performance.now();
    const isMeasured = startMs >= fromMs;
    if (!isMeasured) before = usageOf(target);
    const failing = Promise.withResolvers<never>();
    failing.promise.catch(() => undefined);
    const lost = (reason: string): void => failing.reject(new Error(`${reason} in the middle of the run`));
    const arrival = async (): Promise<LoadClient> => {
      const client = await signInForConversations(target, arriving, { lost }, token);
      checkList(await listAll(client), expected);
      return client;
    };
    const client = await Promise.race([arrival(), failing.promise]);
    if (isMeasured) latency.record(startMs, performance.now());
    client.disconnect();
    pages++;
    tell("signing in", Math.max(0, startMs - fromMs) / (seconds * 1000));
  } while (performance.now() < fromMs + seconds * 1000 || latency.count === 0);
  const after = usageOf(target);
  const shares = sharesBetween(before, after);
  return [
    {
      connections: 1,
      seconds,
      sent: pages,
      answered: pages,
      per_second: Math.round((latency.count * 1000) / (after.atMs - before.atMs)),
      ...latency.fields(),
      ...usageFields(target, shares),
      // One client, which waits for the server or works itself.
      valid: isGeneratorFree(shares),
      conversations: expected.length,
      asked: latency.count,
    },
  ];
}

export const conversations: Scenario = {
  name: "conversations",
  takesUrl: false,
  run: (bench) =>
    bench.onFilledServer("conversations", async (server, facts) => {
      for (const part of ["few", "many"] as const) {
        const fields = { conversations: listSizes[part] };
        await measureAsks(bench, server, { scenario: "conversations", load: "lists", part, facts, fields });
      }
      const plan = { scenario: "conversations-sign-in", load: "arrivals", transport: "tcp", connections: 1 } as const;
      const { warmUpMs = asksWarmUpMs } = bench.options;
      const settings = { messages: bench.waiting, warmUpMs };
      const results = await bench.measure({ ...plan, settings, server: (work) => work(server) });
      bench.report(results.map((result) => ({ ...result, ...facts })));
    }),
};
