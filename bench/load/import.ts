// Scenario `import`: what another system has stored comes into an app that is not live yet. By the HTTP API, page after
// page, one of them under way while the one before is stored; then, as `import-file`, by `roost import` of a file. In
// the end the receivers' indexes have to list all of it.

import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { PagesAhead } from "../../src/cli/import/pages-ahead.ts";
import { patiently } from "../../src/cli/import/patience.ts";
import { callApi } from "../api/requests.ts";
import { checkReceivers, onApiServer } from "../api/receivers.ts";
import type { Load } from "../generator/load.ts";
import { bodyBytes, receiverName, senderName } from "../generator/people.ts";
import { isGeneratorFree, sharesBetween, usageFields, usageOf } from "../generator/usage.ts";
import { Latency } from "../latency.ts";
import type { Findings } from "../result.ts";
import type { Scenario } from "../scenario.ts";
import { makeFolder, removeFolder, spawnChild } from "../server/lifetime.ts";
import { roostCommand } from "../server/standalone.ts";
import type { ApiAddress, Target } from "../server/target.ts";

const name = "import";
/** Records of a page: the most that there may be. */
const pageRecords = 1_000;
/** Pages that are made before, and sent again and again: an import does not compare messages. */
const pagesMade = 16;
/** Pairs of a sender and a receiver, whose messages alternate; each page has as many of each. */
const pairs = 50;
/** Pages of a file, for each second that is to be measured. */
const filePagesPerSecond = 100;
const firstNs = 1_700_000_000_000_000_000n;
const tellMs = 200;

/** In the generator: the part `file` measures the command, any other one the API. */
export async function loadImport(load: Load): Promise<Findings[]> {
  return [await (load.settings.part === "file" ? importFile(load) : importPages(load))];
}

async function importPages(load: Load): Promise<Findings> {
  const { target, settings, tell } = load;
  const { app } = target;
  const made = Array.from({ length: pagesMade }, (_, page) => recordsOf(settings.run, page));
  const latency = new Latency();
  const importPage = async (cursor: string, records: readonly object[], last = false): Promise<number> => {
    const askedMs = performance.now();
    const send = (): Promise<unknown> => callApi(target.api, "Messages/Import", { name, app, cursor, records, last });
    const answer = await patiently(send, (error) => isRefused(error, "unavailable"));
    latency.record(askedMs, performance.now());
    return storedOf(answer);
  };
  const pages = new PagesAhead(0, importPage, (error) => isRefused(error, "aborted"));
  let [sent, stored] = [0, 0];
  /** Sends pages for a while; how many records were stored a second. */
  const sendFor = async (phase: string, forMs: number): Promise<number> => {
    const [startMs, before] = [performance.now(), stored];
    for (let [nowMs, toldMs] = [startMs, startMs]; nowMs < startMs + forMs; nowMs = performance.now()) {
      stored = await pages.add(made[sent++ % pagesMade] ?? [], pageRecords);
      if (nowMs < toldMs + tellMs) continue;
      toldMs = nowMs;
      tell(phase, Math.min(1, (nowMs - startMs) / forMs));
    }
    return ((stored - before) * 1_000) / (performance.now() - startMs);
  };
  await sendFor("warming up", settings.warmUpMs);
  latency.reset();
  const before = usageOf(target);
  const perSecond = await sendFor("measuring", settings.seconds * 1_000);
  const shares = sharesBetween(before, usageOf(target));
  const latencies = latency.fields();
  stored = await pages.end();
  await importPage(`${stored}`, [], true);
  const delivered = await checkReceivers(load, pairs, () => (sent * pageRecords) / pairs);
  const valid = isGeneratorFree(shares);
  return {
    connections: 2,
    seconds: settings.seconds,
    sent,
    answered: stored / pageRecords,
    delivered,
    per_second: Math.round(perSecond / pageRecords),
    messages_per_second: Math.round(perSecond),
    ...latencies,
    ...usageFields(target, shares),
    valid,
    ...(valid ? {} : { doubt: "the generator was the bottleneck" }),
  };
}

function isRefused(error: unknown, code: string): boolean {
  return error instanceof Error && error.message.includes(`"${code}"`);
}

/** From the command's start to its end; a file for as many seconds as are to be measured, at the least wanted rate. */
async function importFile(load: Load): Promise<Findings> {
  const { target, settings, tell } = load;
  const { api, app } = target;
  if (api === undefined) throw new Error("the server has no API");
  const folder = makeFolder();
  try {
    const pages = Math.max(1, Math.round(settings.seconds * filePagesPerSecond));
    const path = join(folder, "records.jsonl");
    await writeRecords(path, pages, load);
    // The server's code is compiled, as by the warm-up of other loads, by the import of another app.
    const warmUpPages = Math.round((settings.warmUpMs / 1_000) * filePagesPerSecond);
    const warmUpPath = join(folder, "others.jsonl");
    tell("warming up", 0);
    await writeRecords(warmUpPath, warmUpPages, load);
    await runImport(api, `${app}-others`, warmUpPath);
    tell("measuring", 0);
    const before = usageOf(target);
    await runImport(api, app, path);
    const after = usageOf(target);
    const records = pages * pageRecords;
    const seconds = (after.atMs - before.atMs) / 1_000;
    const delivered = await checkReceivers(load, pairs, () => records / pairs);
    return {
      seconds,
      delivered,
      records,
      messages_per_second: Math.round(records / seconds),
      ...usageFields(target, sharesBetween(before, after)),
      valid: true,
    };
  } finally {
    removeFolder(folder);
  }
}

/** Lines of JSON that are on the disk when it returns, so that the server does not wait for their bytes. */
async function writeRecords(path: string, pages: number, { settings, tell }: Load): Promise<void> {
  const file = createWriteStream(path, { flush: true });
  for (let page = 0; page < pages; page++) {
    const lines = recordsOf(settings.run, page).map((record) => JSON.stringify(record));
    if (!file.write(`${lines.join("\n")}\n`)) await once(file, "drain");
    if (page % pagesMade === 0) tell("writing the file", page / pages);
  }
  file.end();
  await once(file, "close");
}

async function runImport({ port, key }: ApiAddress, app: Target["app"], path: string): Promise<void> {
  const words = ["import", path, "--url", `http://127.0.0.1:${port}`, "--app", app, "--last"];
  const child = spawnChild([...roostCommand(), ...words], {
    env: { ROOST_KEY: key },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const [status, said] = await Promise.all([child.exited, new Response(child.stderr).text()]);
  if (status !== 0) throw new Error(`roost import ended with the status ${status}: ${said.trim()}`);
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

function storedOf(answer: unknown): number {
  const stored = typeof answer === "object" && answer !== null && "stored" in answer ? Number(answer.stored) : NaN;
  if (!(stored > 0)) throw new Error(`a page was answered with ${JSON.stringify(answer)}`);
  return stored;
}

export const importing: Scenario = {
  name,
  takesUrl: false,
  async run(bench) {
    const measure = async (scenario: string, part: string): Promise<void> => {
      const plan = { scenario, load: name, transport: "tcp", connections: 2, settings: { part } } as const;
      const results = await bench.measure({ ...plan, server: onApiServer() });
      bench.report(results.map((found) => ({ ...found, transport: "http" })));
    };
    await measure(name, "");
    await measure(`${name}-file`, "file");
  },
};
