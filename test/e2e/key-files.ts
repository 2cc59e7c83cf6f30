// A cluster whose file of cluster keys changes while it runs.

import { expect } from "bun:test";
import { randomBytes } from "node:crypto";
import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { fingerprintOf } from "../../src/auth/secret.ts";
import { ClusterStage, oneOfEach } from "../support/cluster-stage.ts";
import { until } from "../../scripts/harness/until.ts";

let stage: ClusterStage | undefined;

/** Ends the cluster of a test; after each. */
export async function endCluster(): Promise<void> {
  await stage?.close();
  stage = undefined;
}

/** The cluster of a test, which ends with it. */
export function ofTest(running: ClusterStage): ClusterStage {
  return (stage = running);
}

export const newKey = (): string => randomBytes(32).toString("base64url");
export const fingerprint = (key: string): string => fingerprintOf(new TextEncoder().encode(key));
export const keyOf = (running: ClusterStage): string => new TextDecoder().decode(running.clusterKey);

/** Gives the processes another file of cluster keys. */
export function write(running: ClusterStage, text: string, mode = 0o600): void {
  const path = running.path("cluster-key");
  rmSync(path, { force: true });
  writeFileSync(path, text);
  chmodSync(path, mode);
}

/** How often a process has said something. */
export function said(running: ClusterStage, name: string, sentence: RegExp): number {
  return running.cluster.process(name)?.log.match(new RegExp(sentence, "g"))?.length ?? 0;
}

/** Sends SIGHUP, and waits for the answer in the log. */
export async function hup(running: ClusterStage, name: string, answer: RegExp): Promise<void> {
  const before = said(running, name, answer);
  running.cluster.process(name)?.signal("SIGHUP");
  await until(() => said(running, name, answer) > before, `${name} says ${answer}`);
}

/** Another chat node starts with the keys of the file, and is linked. */
export async function expectJoins(running: ClusterStage): Promise<void> {
  const { cluster } = running;
  await cluster.start("chat-2");
  await until(() => cluster.isReady("chat-2"), "another node is linked");
  expect(await cluster.end("chat-2", "SIGTERM")).toBe(0);
}

/** A cluster of one of each, and room for another chat node. */
export async function begin(): Promise<{
  readonly running: ClusterStage;
  readonly key: string;
  readonly names: string[];
}> {
  const running = ofTest(await ClusterStage.prepare({ ...oneOfEach, chats: 2 }));
  const { cluster } = running;
  const names = cluster.names().filter((name) => name !== "chat-2");
  await Promise.all(names.map((name) => cluster.start(name)));
  await cluster.ready();
  return { running, key: keyOf(running), names };
}
