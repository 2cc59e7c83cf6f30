// A process that says what its clocks show: one JSON line for each line that it reads.

import { Database } from "bun:sqlite";

const database = new Database(":memory:");
const source = "onmessage = () => postMessage(Date.now());";
const worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));

for await (const _ of console) {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  worker.onmessage = ({ data }: MessageEvent<unknown>) => resolve(data);
  worker.postMessage("");
  const workerMs = await promise;
  const row = database.query<{ ms: number }, []>("SELECT unixepoch('subsec') * 1000 AS ms").get();
  const beforeMs = performance.now();
  await Bun.sleep(20);
  const sleptMs = performance.now() - beforeMs;
  console.log(
    JSON.stringify({ mainMs: Date.now(), workerMs, sqliteMs: row?.ms, monotonicMs: performance.now(), sleptMs }),
  );
}
