// A standalone server that cannot start leaves nothing behind: its store is closed, whatever else has failed.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../../src/base/log.ts";
import { freePorts } from "../../scripts/harness/free-ports.ts";
import { testLimits } from "../support/limits.ts";
import type { StandaloneSettings } from "../../src/roles/settings.ts";
import { startStandalone } from "../../src/roles/standalone/start.ts";
import { type Store, StoreUnavailable } from "../../src/store/store.ts";
import { defaultSettings } from "../../scripts/harness/default-settings.ts";

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "roost-start-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

const settings = (change: Partial<StandaloneSettings> = {}): StandaloneSettings => ({
  ...defaultSettings("standalone"),
  id: "test",
  ws: undefined,
  tcp: { host: "127.0.0.1", port: 0 },
  monitor: undefined,
  tokenKeys: { keys: [new TextEncoder().encode("a secret that only tests know")], appKeys: [], issuers: [] },
  dataFolder: folder,
  storePath: join(folder, "messages.db"),
  retentionDays: 15,
  zone: "",
  version: "test",
  limits: testLimits(),
  log: silentLog,
  ...change,
});

/** Of a store that is closed nothing is left in the write-ahead log; an open one has its lease there at least. */
const isStoreClosed = (): boolean => {
  const path = join(folder, "messages.db");
  return existsSync(path) && (!existsSync(`${path}-wal`) || statSync(`${path}-wal`).size === 0);
};

test("when the rest of the program cannot be read", async () => {
  const start = startStandalone(settings(), () => Promise.reject(new Error("the program is broken")));
  await expect(start).rejects.toThrow("the program is broken");
  expect(isStoreClosed()).toBe(true);
});

test("when a listener cannot be opened", async () => {
  const other = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  try {
    const start = startStandalone(settings({ tcp: { host: "127.0.0.1", port: other.port } }));
    await expect(start).rejects.toThrow();
    expect(isStoreClosed()).toBe(true);
  } finally {
    other.stop();
  }
});

test("its monitor says that it lives while the store is being opened", async () => {
  const { assemble } = await import("../../src/roles/standalone/assembly.ts");
  const [port = 0] = await freePorts(1);
  const { promise, reject } = Promise.withResolvers<Store>();
  const start = assemble(settings({ monitor: { host: "127.0.0.1", port } }), promise);
  const live = await fetch(`http://127.0.0.1:${port}/livez`);
  const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
  expect([live.status, ready.status, await ready.json()]).toEqual([
    200,
    503,
    { ready: false, version: "test", role: "standalone", starting: true },
  ]);
  reject(new StoreUnavailable("it is damaged"));
  await expect(start).rejects.toThrow("it is damaged");
  await expect(fetch(`http://127.0.0.1:${port}/livez`)).rejects.toThrow();
});

test("when neither the store nor the rest can be had, the store's reason is reported", async () => {
  const storePath = join(folder, "missing", "messages.db");
  const start = startStandalone(settings({ storePath }), () => Promise.reject(new Error("the program is broken")));
  await expect(start).rejects.toThrow(StoreUnavailable);
});
