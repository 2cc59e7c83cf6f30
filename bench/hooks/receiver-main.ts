// A receiver of webhooks, as a process of its own. It shares the cores with the server, and a back end does not: so it
// has the least priority, looks for what it counts in the bytes of a request, and makes no values of the rest. It says
// its port when it listens. `GET /` tells what has come since it was asked last.

import { Latency } from "../latency.ts";
import type { Told } from "./hook-receiver.ts";

/** How each event begins: quotes within texts are escaped. */
const opening = Buffer.from('{"id":"');
const middle = '","type":"message.stored","timestamp":"';
const timestampCharacters = "2026-11-29T21:52:30.123Z".length;

let told = { events: 0, repeated: 0, firstMs: 0, lastMs: 0 };
const latency = new Latency();
/** The greatest id that has come: they are told in their order, and all have as many digits. */
let lastId = "";
let [storedAt, storedMs] = ["", 0];

function take(body: Buffer): void {
  const nowMs = Date.now();
  for (let at = body.indexOf(opening); at >= 0; at = body.indexOf(opening, at)) {
    at += opening.length;
    const end = body.indexOf('"', at);
    const id = body.toString("latin1", at, end);
    at = end + middle.length;
    if (body.toString("latin1", end, at) !== middle) continue;
    if (id.length < lastId.length || (id.length === lastId.length && id <= lastId)) {
      told.repeated++;
      continue;
    }
    lastId = id;
    told.events++;
    if (told.firstMs === 0) told.firstMs = nowMs;
    told.lastMs = nowMs;
    const timestamp = body.toString("latin1", at, at + timestampCharacters);
    // Many were stored in one millisecond.
    if (timestamp !== storedAt) [storedAt, storedMs] = [timestamp, Date.parse(timestamp)];
    latency.record(storedMs, nowMs);
  }
}

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  async fetch(request) {
    if (request.method === "POST") {
      take(Buffer.from(await request.arrayBuffer()));
      return new Response(null, { status: 204 });
    }
    const found: Told = { ...told, ...latency.fields() };
    if (new URL(request.url).pathname === "/reset") {
      told = { events: 0, repeated: 0, firstMs: 0, lastMs: 0 };
      latency.reset();
      lastId = "";
    }
    return Response.json(found);
  },
});
process.stdout.write(`${server.port}\n`);
