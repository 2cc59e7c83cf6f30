// The teardown of a member: each step runs, whatever the steps before it throw.

import { expect, test } from "bun:test";
import { silentLog } from "../../src/base/log.ts";
import { type MemberSettings, startMember, type StartedRole } from "../../src/node/member.ts";
import { testLimits } from "../support/limits.ts";

const settings: MemberSettings = {
  id: "chat-1",
  listen: { host: "127.0.0.1", port: 0 },
  advertise: undefined,
  discovery: ["http://127.0.0.1:1"],
  zone: "z",
  region: "r",
  env: "test",
  clusterKeys: [new Uint8Array(32)],
  insecure: true,
  monitor: undefined,
  writeWaitMs: 1_000,
  version: "0",
  limits: testLimits({}),
  log: silentLog,
  lost: () => undefined,
};
const started = (drain: () => Promise<void>): StartedRole => ({
  addresses: { link: "127.0.0.1:1", ws: undefined, tcp: undefined },
  health: () => ({ ready: true, detail: {} }),
  drain,
});

test("a start that fails runs every step of the teardown, last one first, and rejects with its error", async () => {
  const steps: string[] = [];
  const starting = startMember(settings, "chat", ({ undo }) => {
    undo(() => void steps.push("first"));
    undo(() => Promise.reject(new Error("a step that fails")));
    undo(() => void steps.push("third"));
    return Promise.reject(new Error("no store"));
  });
  await expect(starting).rejects.toThrow("no store");
  expect(steps).toEqual(["third", "first"]);
});

test("a drain that fails runs every step of the teardown, and rejects", async () => {
  const steps: string[] = [];
  const member = await startMember(settings, "chat", ({ undo }) => {
    undo(() => void steps.push("first"));
    return Promise.resolve(started(() => Promise.reject(new Error("no drain"))));
  });
  await expect(member.drain()).rejects.toThrow("no drain");
  expect(steps).toEqual(["first"]);
});
