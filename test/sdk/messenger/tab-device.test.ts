// A device for a page that may not use locks; browsers have those that may.

import { expect, test } from "bun:test";
import { claimTabDevice } from "../../../src/sdk/messenger/tab-device.ts";

test("a page that may use neither locks nor storage gets a random device", async () => {
  const former = Object.getOwnPropertyDescriptor(navigator, "locks");
  const locks = { request: () => Promise.reject(new DOMException("no locks here", "SecurityError")) };
  Object.defineProperty(navigator, "locks", { value: locks, configurable: true });
  try {
    const devices = [await claimTabDevice(), await claimTabDevice()].map(({ device }) => device);
    for (const device of devices) expect(device).toMatch(/^tab-[0-9a-f]{16}$/);
    expect(new Set(devices).size).toBe(2);
  } finally {
    if (former === undefined) Reflect.deleteProperty(navigator, "locks");
    else Object.defineProperty(navigator, "locks", former);
  }
});
