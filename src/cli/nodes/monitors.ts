// What members of a cluster say of themselves on their monitors, asked by `roost nodes` where it can reach them: a
// monitor at loopback is one of this machine. Who does not answer in a second says nothing; nobody is asked for more
// than a little.

import { fieldsOf, ifWellFormed, jsonOf, wholeOf } from "../../base/json-fields.ts";
import { monitorKey } from "../../node/membership.ts";
import { boundedText } from "../../registry/client/bounded-text.ts";
import type { Instance } from "../../registry/instance.ts";

const answerMsMax = 1_000;
const answerBytesMax = 64 * 1024;
const askedAtOnce = 16;
/** Of a cluster with more, the first ones are asked. */
const monitorsMax = 500;
/** `host:port`, and nothing that leads elsewhere. */
const address = /^([\w.-]+|\[[\da-fA-F:.]+\]):\d{1,5}$/;

/** What a member knows. */
export interface MemberFacts {
  /** Requests that it has in work, of a login or chat node. */
  readonly load: number | undefined;
  /** Clients of a gateway. */
  readonly connections: number | undefined;
  /** Ids of nodes that a gateway dials in vain. */
  readonly gone: readonly string[];
}

/** The monitor that an instance names, as `host:port`; undefined if none, or no address. */
export function monitorOf({ metadata }: Instance): string | undefined {
  const monitor = metadata.get(monitorKey);
  return monitor !== undefined && address.test(monitor) ? monitor : undefined;
}

/** Asks the monitors of these instances; by monitor, those that answered. */
export async function askMonitors(instances: readonly Instance[]): Promise<ReadonlyMap<string, MemberFacts>> {
  const monitors = new Set(instances.map(monitorOf).filter((monitor) => monitor !== undefined));
  const waiting = [...monitors].slice(0, monitorsMax);
  const facts = new Map<string, MemberFacts>();
  const askOn = async (): Promise<void> => {
    for (let monitor = waiting.pop(); monitor !== undefined; monitor = waiting.pop()) {
      const found = await ask(monitor);
      if (found !== undefined) facts.set(monitor, found);
    }
  };
  await Promise.all(Array.from({ length: askedAtOnce }, askOn));
  return facts;
}

async function ask(monitor: string): Promise<MemberFacts | undefined> {
  try {
    const signal = AbortSignal.timeout(answerMsMax);
    // Not ready is an answer, too.
    const response = await fetch(`http://${monitor}/health`, { signal, redirect: "error" });
    return factsIn(jsonOf(await boundedText(response, answerBytesMax), monitor));
  } catch {
    // Not there, not to be reached from here, or of another make: then nothing is shown.
    return undefined;
  }
}

/** What an answer says, whatever it is. */
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
