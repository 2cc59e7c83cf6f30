// What is seen of a cluster's processes from outside: their monitors from the start on, and what `roost nodes` shows.

import { expect, test } from "bun:test";
import { ClusterStage } from "../support/cluster-stage.ts";
import { freePorts } from "../../scripts/harness/free-ports.ts";
import { roost, run } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";
import { endings } from "../support/endings.ts";
import { endsWithParent } from "../../scripts/harness/with-parent.ts";

const ends = endings();

test("roost nodes shows load, clients, version, monitor and the last renewal, and which nodes are gone", async () => {
  const stage = await ClusterStage.start();
  ends.push(() => stage.close());
  const { cluster, folder } = stage;
  await stage.wire("alice");
  const listing = async (): Promise<string[][]> => {
    const { out, err, status } = await run(["nodes", "--discovery", cluster.registry.join(",")], folder);
    expect([status, err]).toEqual([0, ""]);
    return out
      .trim()
      .split("\n")
      .map((line) => line.split(/ {2,}/));
  };
  const [head, ...rows] = await listing();
  expect(head?.slice(-7)).toEqual(["STATE", "VERSION", "LOAD", "CLIENTS", "MONITOR", "RENEWED", "AGE"]);
  const rowOf = (id: string, all = rows): string[] => all.find((row) => row[1] === id)?.slice(-7) ?? [];
  const monitorOf = (id: string): string => new URL(cluster.monitor(id)).host;
  const version = /^\d+\.\d+\.\d+$/;
  const age = /^\d+s$/;
  const matching = (text: RegExp): string => expect.stringMatching(text);
  expect(rowOf("chat-1")).toEqual([
    "up (ready)",
    matching(version),
    "0",
    "-",
    monitorOf("chat-1"),
    matching(age),
    matching(age),
  ]);
  expect(rowOf("gateway-1")).toEqual([
    "up (ready)",
    matching(version),
    "-",
    "1",
    monitorOf("gateway-1"),
    matching(age),
    matching(age),
  ]);
  await cluster.end("chat-1", "SIGKILL");
  await until(async () => rowOf("chat-1", await listing())[0] === "up (ready, gone)", "it is marked");
}, 90_000);

test("a process that waits for others says from the start on that it lives, and is not ready", async () => {
  const stage = await ClusterStage.prepare();
  ends.push(() => stage.close());
  const { cluster, folder } = stage;
  await cluster.start("discovery-1");
  const [port] = await freePorts(1);
  const monitor = `127.0.0.1:${port}`;
  const child = Bun.spawn([...endsWithParent(), ...roost, ...cluster.words("gateway-1", { "--monitor": monitor })], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", HOME: folder },
    stdout: "ignore",
    stderr: "ignore",
  });
  ends.push(() => child.kill("SIGKILL"));
  await until(async () => (await fetch(`http://${monitor}/livez`)).status === 200, "it lives");
  const ready = await fetch(`http://${monitor}/readyz`);
  expect([ready.status, await ready.json()]).toEqual([503, expect.objectContaining({ ready: false, starting: true })]);
}, 60_000);
