// A client that fetches one service at a fixed rate, as a process of its own: `bun fetch-probe.ts PORT APPID`. It says
// `ready` when it is warm, measures until its standard input ends, and then says what it found as JSON.

import { assertOk, HttpConnection } from "./http-connection.ts";
import { fetchRequest } from "./instances.ts";
import { Latency } from "../latency.ts";
import { untilDue } from "../until-due.ts";

const fetchesPerSecond = 20;
const warmUpFetches = 20;

export type Probed = ReturnType<Latency["fields"]> & { readonly count: number };

/** Reads what the process said last. Throws when that is something else. */
export function parseProbed(text: string): Probed {
  const number = (name: string): number => {
    const found = new RegExp(`"${name}":([\\d.]+)`).exec(text)?.[1];
    if (found === undefined) throw new Error(`the fetching client said ${JSON.stringify(text)}`);
    return Number(found);
  };
  return {
    count: number("count"),
    p50_ms: number("p50_ms"),
    p90_ms: number("p90_ms"),
    p99_ms: number("p99_ms"),
    p999_ms: number("p999_ms"),
    max_ms: number("max_ms"),
  };
}

async function probe(port: number, appid: string): Promise<void> {
  const connection = await HttpConnection.connect(port);
  const request = fetchRequest(appid);
  const latency = new Latency();
  const ended = { isNow: false };
  process.stdin.on("end", () => {
    ended.isNow = true;
  });
  process.stdin.resume();
  const startMs = performance.now();
  for (let fetches = 0; !ended.isNow; fetches++) {
    if (fetches === warmUpFetches) process.stdout.write("ready\n");
    // From the moment it was due: a stall counts for all that it held up.
    const dueMs = startMs + (fetches * 1000) / fetchesPerSecond;
    await untilDue(dueMs);
    assertOk(await connection.ask(request));
    if (fetches >= warmUpFetches) latency.record(dueMs, performance.now());
  }
  connection.close();
  process.stdout.write(`${JSON.stringify({ count: latency.count, ...latency.fields() })}\n`);
}

if (import.meta.main) {
  const [port = "", appid = ""] = process.argv.slice(2);
  await probe(Number(port), appid);
}
