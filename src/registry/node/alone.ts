// A registry with a single node, inside a process that needs no other.

import type { Limits } from "../../base/limits/limits.ts";
import type { Log } from "../../base/log.ts";
import { systemRuntime } from "../../base/runtime.ts";
import type { PeerFailure, PeerNetwork } from "../replication/peer-messages.ts";
import { RegistryNode } from "./registry-node.ts";

const noOthers: PeerFailure = { kind: "failed", reason: "unreachable", sentence: "no other nodes are known" };
const nobody: PeerNetwork = {
  replicate: (_address, _message, done) => queueMicrotask(() => done(noOthers)),
  compare: (_address, _message, done) => queueMicrotask(() => done(noOthers)),
};

export function startLoneRegistry(settings: {
  env: string;
  zone: string;
  version: string;
  limits: Limits;
  log: Log;
}): RegistryNode {
  const node = new RegistryNode({
    settings: { ...settings, region: "", address: "this process", seeds: [], hasKey: false },
    ...systemRuntime,
    network: nobody,
    limits: settings.limits,
    log: settings.log,
  });
  node.start();
  return node;
}
