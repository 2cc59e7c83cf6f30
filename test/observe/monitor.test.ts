import { afterEach, expect, test } from "bun:test";
import { silentLog } from "../../src/base/log.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import type { Health } from "../../src/observe/operator-answers.ts";
import { type Monitor, startMonitor } from "../../src/observe/monitor.ts";
import { testLimits } from "../support/limits.ts";
import { RawTcp } from "../support/raw-tcp.ts";

const monitors: Monitor[] = [];
afterEach(async () => {
  for (const monitor of monitors.splice(0)) await monitor.stop();
});

const ready: Health = { ready: true, detail: { version: "1.2.3", connections: 4 } };

function start(health: () => Health = () => ready, metrics = new Metrics()): string {
  const monitor = startMonitor({ host: "127.0.0.1", port: 0 }, { metrics, health, limits: testLimits() });
  monitors.push(monitor);
  return `http://${monitor.address}`;
}

test("port 0 picks a free one and says which", () => {
  expect(start()).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d*$/);
});

test("health is 200 with its detail while ready", async () => {
  const answer = await fetch(`${start()}/health`);
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-type")).toStartWith("application/json");
  expect(await answer.json()).toEqual({ ready: true, version: "1.2.3", connections: 4 });
});

test("health is 503 with its detail while not ready, and asked anew each time", async () => {
  let store = false;
  const url = start(() => ({ ready: store, detail: { store } }));
  const before = await fetch(`${url}/health`);
  expect(before.status).toBe(503);
  expect(await before.json()).toEqual({ ready: false, store: false });
  store = true;
  expect((await fetch(`${url}/health`)).status).toBe(200);
});

test("/livez is 200 while not ready, and /readyz says what /health does", async () => {
  const url = start(() => ({ ready: false, detail: { store: false } }));
  const live = await fetch(`${url}/livez`);
  expect([live.status, await live.text()]).toEqual([200, "ok\n"]);
  const readyz = await fetch(`${url}/readyz`);
  expect([readyz.status, await readyz.json()]).toEqual([503, { ready: false, store: false }]);
});

test("metrics come as Prometheus' text", async () => {
  const metrics = new Metrics();
  metrics.forService("a", "gateway").bytesIn(12);
  const answer = await fetch(`${start(() => ready, metrics)}/metrics`);
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  expect(await answer.text()).toContain(
    'roost_message_in_flow_bytes_total{service_id="a",service_name="gateway"} 12\n',
  );
});

test("other paths are not found", async () => {
  const url = start();
  for (const path of ["/", "/healthy", "/metrics/x", "/..%2fhealth"])
    expect((await fetch(url + path)).status).toBe(404);
});

test("other methods are not allowed, and the answer says which are", async () => {
  const url = start();
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
    const answer = await fetch(`${url}/health`, { method });
    expect(answer.status).toBe(405);
    expect(answer.headers.get("allow")).toBe("GET, HEAD");
  }
  const head = await fetch(`${url}/health`, { method: "HEAD" });
  expect(head.status).toBe(200);
  expect(await head.text()).toBe("");
});

test("a bug in a check is a 500 that shows nothing of it, is counted, and is logged once", async () => {
  const errors: unknown[] = [];
  const metrics = new Metrics({ ...silentLog, error: (_, fields) => void errors.push(fields?.["error"]) });
  const url = start(() => {
    throw new Error("the secret reason");
  }, metrics);
  for (let count = 0; count < 3; count++) {
    const answer = await fetch(`${url}/health`);
    expect(answer.status).toBe(500);
    expect(await answer.text()).toBe("internal error\n");
  }
  expect(await (await fetch(`${url}/metrics`)).text()).toContain('roost_bugs_total{kind="http"} 3\n');
  expect(errors).toHaveLength(1);
  expect(String(errors[0])).toStartWith("Error: the secret reason\n    at ");
});

test("peers that have reset before they were accepted cost nobody anything", async () => {
  const url = start();
  const port = Number(url.split(":").at(-1));
  for (let count = 0; count < 20; count++) {
    const peer = new RawTcp(port);
    if (count % 2 === 0) peer.write(Buffer.from("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    peer.reset();
  }
  expect((await fetch(`${url}/health`)).status).toBe(200);
});

test("an address in use is refused at start", () => {
  const port = Number(start().split(":").at(-1));
  const parts = { metrics: new Metrics(), health: () => ready, limits: testLimits() };
  expect(() => startMonitor({ host: "127.0.0.1", port }, parts)).toThrow();
});

test("after stop nobody answers", async () => {
  const url = start();
  for (const monitor of monitors.splice(0)) await monitor.stop();
  const answered = await fetch(`${url}/health`).then(
    () => true,
    () => false,
  );
  expect(answered).toBe(false);
});
