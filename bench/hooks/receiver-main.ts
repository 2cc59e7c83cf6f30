// A receiver of webhooks, as a process of its own, so that what it is told does not make the talks late. It says its
// port when it listens. `GET /` tells what has come since it was asked last.

import { Latency } from "../latency.ts";
import type { Told } from "./hook-receiver.ts";

interface Batch {
  readonly events: readonly { readonly id: string; readonly type: string; readonly timestamp: string }[];
}

let told = { events: 0, repeated: 0, firstMs: 0, lastMs: 0 };
const latency = new Latency();
const seen = new Set<string>();

function take(text: string): void {
  const nowMs = Date.now();
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what else a server tells is found by its count
  const { events } = JSON.parse(text) as Batch;
  for (const { id, type, timestamp } of events) {
    if (type !== "message.stored") continue;
    if (seen.has(id)) {
      told.repeated++;
      continue;
    }
    seen.add(id);
    told.events++;
    if (told.firstMs === 0) told.firstMs = nowMs;
    told.lastMs = nowMs;
    latency.record(Date.parse(timestamp), nowMs);
  }
}

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  async fetch(request) {
    if (request.method === "POST") {
      take(await request.text());
      return new Response(null, { status: 204 });
    }
    const found: Told = { ...told, ...latency.fields() };
    if (new URL(request.url).pathname === "/reset") {
      told = { events: 0, repeated: 0, firstMs: 0, lastMs: 0 };
      latency.reset();
      seen.clear();
    }
    return Response.json(found);
  },
});
process.stdout.write(`${server.port}\n`);
