// What a service manager is sent, and when it is sent nothing. The way to a real socket is in test/e2e/systemd.test.ts.

import { expect, test } from "bun:test";
import { type Log, type LogFields, silentLog } from "../../src/base/log.ts";
import { ServiceManager, serviceManagerOf, watchdogMs } from "../../src/cli/notify.ts";
import { statusOf } from "../../src/cli/serve/serving.ts";
import { UnixDatagramSender } from "../../src/cli/unix-datagram.ts";
import { until } from "../../scripts/harness/until.ts";

/** A log that keeps its warnings. */
function watched(): { log: Log; warnings: string[] } {
  const warnings: string[] = [];
  return { log: { ...silentLog, warn: (sentence) => void warnings.push(sentence) }, warnings };
}

test("without NOTIFY_SOCKET there is nobody to tell", () => {
  const { log, warnings } = watched();
  expect(serviceManagerOf({}, 1, log)).toBeUndefined();
  expect(serviceManagerOf({ NOTIFY_SOCKET: "" }, 1, log)).toBeUndefined();
  expect(warnings).toEqual([]);
});

test("a NOTIFY_SOCKET that can be no socket is one warning, and nobody to tell", () => {
  for (const socket of ["vsock:2:1234", "relative/path", "@", "/", `/${"x".repeat(107)}`]) {
    const { log, warnings } = watched();
    expect([socket, serviceManagerOf({ NOTIFY_SOCKET: socket }, 1, log)]).toEqual([socket, undefined]);
    expect(warnings).toHaveLength(1);
  }
});

test("a socket that nobody listens at refuses with the name of the error", () => {
  expect(() => new UnixDatagramSender("/nowhere/at/all").send("READY=1")).toThrow("ENOENT");
  expect(() => new UnixDatagramSender(`@roost-nobody-${process.pid}`).send("READY=1")).toThrow("ECONNREFUSED");
});

test("the watchdog is answered at half of its time, when it asks this process", () => {
  expect(watchdogMs({ WATCHDOG_USEC: "30000000" }, 7)).toBe(15_000);
  expect(watchdogMs({ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "7" }, 7)).toBe(15_000);
  expect(watchdogMs({ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "8" }, 7)).toBeUndefined();
  expect(watchdogMs({ WATCHDOG_USEC: "1" }, 7)).toBe(1);
  expect(watchdogMs({ WATCHDOG_USEC: "18446744073709551615" }, 7)).toBe(2 ** 31 - 1);
  for (const wrong of ["", "0", "-1", "1s"]) expect(watchdogMs({ WATCHDOG_USEC: wrong }, 7)).toBeUndefined();
});

test("ready, alive and stopping are sent in that order, each status on one line", async () => {
  const notices: string[] = [];
  const manager = new ServiceManager((notice) => void notices.push(notice), 1, silentLog);
  expect(notices).toEqual([]);
  manager.ready(() => "Ready\nWATCHDOG=trigger");
  expect(notices).toEqual(["READY=1\nSTATUS=Ready WATCHDOG=trigger"]);
  await until(() => notices.length >= 3, "two signs of life");
  expect(new Set(notices.slice(1))).toEqual(new Set(["WATCHDOG=1"]));
  manager.stopping("Leaving");
  expect(notices.at(-1)).toBe("STOPPING=1\nSTATUS=Leaving");
});

test("a manager that cannot be reached causes one warning per outage", () => {
  const { log, warnings } = watched();
  let isAway = true;
  const send = (): void => {
    if (isAway) throw new Error("away");
  };
  const manager = new ServiceManager(send, undefined, log);
  manager.ready(() => "Ready");
  manager.stopping("Leaving");
  expect(warnings).toHaveLength(1);
  isAway = false;
  manager.stopping("Leaving");
  isAway = true;
  manager.stopping("Leaving");
  expect(warnings).toHaveLength(2);
});

test("a status that throws is logged with its stack, ends nothing, and is not told", () => {
  const errors: unknown[] = [];
  const log = { ...silentLog, error: (_: string, fields?: LogFields) => void errors.push(fields?.["error"]) };
  const notices: string[] = [];
  const manager = new ServiceManager((notice) => void notices.push(notice), undefined, log);
  manager.ready(() => {
    throw new TypeError("no health");
  });
  manager.stopping("Leaving");
  expect(notices).toEqual(["READY=1\n", "STOPPING=1\nSTATUS=Leaving"]);
  expect(errors).toEqual([expect.stringMatching(/^TypeError: no health\n +at /)]);
});

test("a status says whether it can do its job, where it listens, and what is missing", () => {
  const detail = { version: "1", id: "a", role: "gateway", connections: 3, missing: "", draining: false };
  const listening = ["ws://127.0.0.1:8000"];
  expect(statusOf({ listening, health: () => ({ ready: true, detail }) })).toBe(
    "Ready on ws://127.0.0.1:8000 (connections 3)",
  );
  expect(statusOf({ listening, health: () => ({ ready: false, detail: { ...detail, missing: "chat" } }) })).toBe(
    "Not ready yet on ws://127.0.0.1:8000 (connections 3, missing chat)",
  );
});
