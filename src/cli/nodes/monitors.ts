// Asks the monitors of a cluster's members for `roost nodes`, as far as this machine reaches them. Answers are bounded
// in time and size; a member without an answer is shown without its facts.

import { fieldsOf, ifWellFormed, jsonOf, wholeOf } from "../../base/json-fields.ts";
import { monitorKey } from "../../node/membership.ts";
import { boundedText } from "../../registry/client/bounded-text.ts";
import { nodeSender, type NodeTrust, type SendToNode } from "../../registry/client/node-request.ts";
import type { Instance } from "../../registry/instance.ts";

const answerMsMax = 1_000;
const answerBytesMax = 64 * 1024;
const askedAtOnce = 16;
/** Monitors beyond this number are not asked. */
const monitorsMax = 500;
/** `host:port`, or `https://host:port`: a path or user name would lead elsewhere. */
const address = /^(?:https:\/\/)?([\w.-]+|\[[\da-fA-F:.]+\]):\d{1,5}$/;

/** What a member's monitor reports. */
export interface MemberFacts {
  /** The requests in progress at a login or chat node. */
  readonly load: number | undefined;
  /** The clients of a gateway. */
  readonly connections: number | undefined;
  /** The ids of the nodes that a gateway cannot connect to. */
  readonly gone: readonly string[];
}

/** Returns an instance's monitor, `host:port` or `https://host:port`; undefined if it has none, or a malformed one. */
export function monitorOf({ metadata }: Instance): string | undefined {
  const monitor = metadata.get(monitorKey);
  return monitor !== undefined && address.test(monitor) ? monitor : undefined;
}

/** Asks the monitors of these instances; returns the answers, by monitor. `tls` verifies https:// ones. */
export async function askMonitors(
  instances: readonly Instance[],
  tls?: NodeTrust,
): Promise<ReadonlyMap<string, MemberFacts>> {
  const send = nodeSender(tls);
  const monitors = new Set(instances.map(monitorOf).filter((monitor) => monitor !== undefined));
  const waiting = [...monitors].slice(0, monitorsMax);
  const facts = new Map<string, MemberFacts>();
  const askOn = async (): Promise<void> => {
    for (let monitor = waiting.pop(); monitor !== undefined; monitor = waiting.pop()) {
      const found = await ask(monitor, send);
      if (found !== undefined) facts.set(monitor, found);
    }
  };
  await Promise.all(Array.from({ length: askedAtOnce }, askOn));
  return facts;
}

async function ask(monitor: string, send: SendToNode): Promise<MemberFacts | undefined> {
  try {
    const signal = AbortSignal.timeout(answerMsMax);
    // The answer counts whatever its status: a member that is not ready answers 503.
    const origin = monitor.startsWith("https:") ? monitor : `http://${monitor}`;
    const response = await send(`${origin}/health`, { method: "GET", headers: {}, signal });
    return factsIn(jsonOf(await boundedText(response, answerBytesMax), monitor));
  } catch {
    // It is gone, unreachable from here, or another program.
    return undefined;
  }
}

/** Reads an answer, as far as it is well-formed; undefined if it is not an object. */
export function factsIn(answer: unknown): MemberFacts | undefined {
  const fields = ifWellFormed(() => fieldsOf(answer, "health"));
  if (fields === undefined) return undefined;
  const numberOf = (name: string): number | undefined => ifWellFormed(() => wholeOf(fields[name], name));
  const { gone } = fields;
  return {
    load: numberOf("load"),
    connections: numberOf("connections"),
    gone: typeof gone === "string" && gone !== "" ? gone.split(",") : [],
  };
}
