// Scenario `import`: what another system has stored comes into an app that is not live yet, page after page, by the
// HTTP API: each page names the cursor of the answer to the one before. In the end the receivers' indexes have to list
// all of it.

import { apiRequest } from "../api/requests.ts";
import { checkReceivers, onApiServer } from "../api/receivers.ts";
import type { Load } from "../generator/load.ts";
import { bodyBytes, receiverName, senderName } from "../generator/people.ts";
import { isGeneratorFree, sharesBetween, usageFields, usageOf } from "../generator/usage.ts";
import { Latency } from "../latency.ts";
import { HttpConnection } from "../registry/http-connection.ts";
import type { Findings } from "../result.ts";
import type { Scenario } from "../scenario.ts";

const name = "import";
/** Records of a page: the most that there may be. */
const pageRecords = 1_000;
/** Pages that are made before, and sent again and again: an import does not compare messages. */
const pagesMade = 16;
/** Pairs of a sender and a receiver, whose messages alternate; each page has as many of each. */
const pairs = 50;
const firstNs = 1_700_000_000_000_000_000n;
const tellMs = 200;

/** In the generator. */
export async function loadImport(load: Load): Promise<Findings[]> {
  const { target, settings, tell } = load;
  const { api, app } = target;
  if (api === undefined) throw new Error("the server has no API");
  const connection = await HttpConnection.connect(api.port);
  const made = Array.from({ length: pagesMade }, (_, page) => recordsOf(settings.run, page));
  const latency = new Latency();
  let [cursor, pages] = ["", 0];
  const send = async (records: readonly object[], last: boolean): Promise<void> => {
    const { tail } = await connection.ask(apiRequest(api, "Messages/Import", { name, app, cursor, records, last }));
    cursor = cursorOf(tail.toString());
  };
  /** Sends pages for a while; how many a second. */
  const sendFor = async (phase: string, forMs: number): Promise<number> => {
    const [startMs, before] = [performance.now(), pages];
    for (let [nowMs, toldMs] = [startMs, startMs]; nowMs < startMs + forMs; nowMs = performance.now()) {
      await send(made[pages++ % pagesMade] ?? [], false);
      latency.record(nowMs, performance.now());
      if (nowMs < toldMs + tellMs) continue;
      toldMs = nowMs;
      tell(phase, Math.min(1, (nowMs - startMs) / forMs));
    }
    return ((pages - before) * 1_000) / (performance.now() - startMs);
  };
  try {
    await sendFor("warming up", settings.warmUpMs);
    latency.reset();
    const before = usageOf(target);
    const perSecond = await sendFor("measuring", settings.seconds * 1_000);
    const shares = sharesBetween(before, usageOf(target));
    await send([], true);
    const delivered = await checkReceivers(load, pairs, () => (pages * pageRecords) / pairs);
    const valid = isGeneratorFree(shares);
    return [
      {
        connections: 1,
        seconds: settings.seconds,
        sent: pages,
        answered: pages,
        delivered,
        per_second: Math.round(perSecond),
        messages_per_second: Math.round(perSecond * pageRecords),
        ...latency.fields(),
        ...usageFields(target, shares),
        valid,
        ...(valid ? {} : { doubt: "the generator was the bottleneck" }),
      },
    ];
  } finally {
    connection.close();
  }
}

function recordsOf(run: string, page: number): readonly object[] {
  const body = "x".repeat(bodyBytes);
  return Array.from({ length: pageRecords }, (_, record) => {
    const pair = record % pairs;
    const sendTime = firstNs + BigInt(page * pageRecords + record);
    return {
      message: { sender: senderName(run, pair), account: receiverName(run, pair), sendTime: `${sendTime}`, body },
    };
  });
}

function cursorOf(answer: string): string {
  const cursor = /"cursor":"([^"]*)"/.exec(answer)?.[1];
  if (cursor === undefined) throw new Error(`a page was answered with ${JSON.stringify(answer)}`);
  return cursor;
}

export const importing: Scenario = {
  name,
  takesUrl: false,
  async run(bench) {
    const plan = { scenario: name, load: name, transport: "tcp", connections: 1, settings: {} } as const;
    const results = await bench.measure({ ...plan, server: onApiServer() });
    bench.report(results.map((found) => ({ ...found, transport: "http" })));
  },
};
