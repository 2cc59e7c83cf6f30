// What a reader of a registry node sees: status, env, versions and revisions.

import { describe, expect, test } from "bun:test";
import { Status } from "../../src/registry/instance.ts";
import { identityOf } from "./support.ts";
import { address, started, register } from "./lone-node.ts";

describe("reading", () => {
  test("a mask chooses by status, an env sees nothing of another", () => {
    const { node } = started();
    register(node, { hostname: "up" });
    register(node, { hostname: "waiting", status: Status.Waiting });
    register(node, { hostname: "up", env: "test" });
    const named = (mask: number): string[] => node.instances("prod", "chat", mask).map(({ hostname }) => hostname);
    expect([named(Status.Up), named(Status.Waiting), named(Status.Any)]).toEqual([
      ["up"],
      ["waiting"],
      ["up", "waiting"],
    ]);
    expect(node.instances("test", "chat", Status.Any)).toHaveLength(1);
  });

  test("an instance is found by its hostname in any letter case, in its env only", () => {
    const { node } = started();
    register(node, { hostname: "Chat-1" });
    expect(node.instancesNamed("prod", "chat-1", 9)).toHaveLength(1);
    expect(node.instancesNamed("test", "chat-1", 9)).toEqual([]);
    expect(node.instancesNamed("test", address, 9)).toHaveLength(1);
  });

  test("a service is known while it has an instance, and its version grows with each change", () => {
    const { node } = started();
    expect(node.knows("prod", "chat")).toBe(false);
    register(node, { status: Status.Waiting });
    expect(node.knows("prod", "chat")).toBe(true);
    const { version } = node;
    node.registrar.cancel(identityOf(), 0n, "client");
    expect(node.knows("prod", "chat")).toBe(false);
    expect(node.version).toBeGreaterThan(version);
  });

  test("a service's revision changes with the service alone, and is never one that it had before", () => {
    const { node } = started();
    const revisions = new Set([node.revisionOf("prod", "chat")]);
    const expectNew = (): void => {
      const revision = node.revisionOf("prod", "chat");
      expect(revisions.has(revision)).toBe(false);
      revisions.add(revision);
    };
    for (let round = 0; round < 3; round++) {
      register(node);
      expectNew();
      register(node, { appid: "other", version: String(round) });
      register(node, { env: "test" });
      expect(revisions.has(node.revisionOf("prod", "chat"))).toBe(true);
      node.registrar.cancel(identityOf(), 0n, "client");
      expectNew();
    }
    expect(node.revisionOf("nowhere", "chat")).toBe(0);
  });

  test("who stops watching is called no more", () => {
    const { time, node } = started();
    let calls = 0;
    const stop = node.watch("prod", "chat", () => void calls++);
    register(node);
    time.advance(0);
    stop();
    register(node, { version: "2" });
    time.advance(0);
    expect(calls).toBe(1);
  });
});
