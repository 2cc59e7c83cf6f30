// The messages between nodes as JSON. A peer may send anything: a message has the declared types, or the whole message
// is malformed and ignored. Versions have 64 bits and travel as decimal text.

import { digestBuckets, digestCharacters } from "../table/digest.ts";
import {
  arrayOf,
  bigintOf,
  type Fields,
  fieldsOf,
  flagOf,
  jsonOf,
  MalformedJson,
  stringOf,
  wholeOf,
} from "../../base/json-fields.ts";
import type { Compare, Compared, NodeInfo, Renewal, Replicate, Replicated } from "../replication/peer-messages.ts";
import { ageOf, identityOf, named, parseState, stateJson } from "../table/state-json.ts";

/** Behind `/discovery/`. */
export const replicatePath = "peer/replicate";
export const comparePath = "peer/compare";

/** A header of the answer 404 to an unknown node: it may send more after registering itself. */
export const unknownNodeField = "roost-unknown-node";

/** The version of the nodes' protocol; other versions are refused. */
const protocolVersion = 1;

/** Returns a message as JSON; also an answer, which travels as the `data` of an envelope. */
export function messageText(message: Replicate | Compare | Replicated | Compared): string {
  return JSON.stringify({ version: protocolVersion, ...wireOf(message) });
}

/** Throws MalformedJson. */
export function parseReplicate(text: string): Replicate {
  const fields = versioned(jsonOf(text, "the message"));
  return {
    kind: "replicate",
    node: parseNode(fields["node"]),
    isSpread: flagOf(fields, "spread"),
    states: arrayOf(fields["states"], "states").map(parseState),
    renewals: arrayOf(fields["renewals"], "renewals").map(parseRenewal),
  };
}

/** Throws MalformedJson. */
export function parseCompare(text: string): Compare {
  const fields = versioned(jsonOf(text, "the message"));
  const digest = stringOf(fields, "digest");
  if (digest !== "" && (digest.length !== digestCharacters || !/^[0-9a-f]+$/.test(digest)))
    throw new MalformedJson(`digest: expected ${digestCharacters} hexadecimal digits, or none`);
  return {
    kind: "compare",
    node: parseNode(fields["node"]),
    digest,
    fromBucket: bucketOf(fields["from"], "from"),
  };
}

/** `data` as JSON.parse gave it. Throws MalformedJson. */
export function parseReplicated(data: unknown): Replicated {
  const fields = versioned(data);
  return {
    kind: "replicated",
    node: parseNode(fields["node"]),
    wanted: arrayOf(fields["wanted"], "wanted").map((index) => wholeOf(index, "wanted")),
    newer: arrayOf(fields["newer"], "newer").map(parseState),
  };
}

/** `data` as JSON.parse gave it. Throws MalformedJson. */
export function parseCompared(data: unknown): Compared {
  const fields = versioned(data);
  return {
    kind: "compared",
    node: parseNode(fields["node"]),
    differing: arrayOf(fields["differing"], "differing").map((bucket) => bucketOf(bucket, "differing")),
    states: arrayOf(fields["states"], "states").map(parseState),
    nextBucket: fields["next"] === undefined ? undefined : bucketOf(fields["next"], "next"),
  };
}

function wireOf(message: Replicate | Compare | Replicated | Compared): object {
  const node = nodeJson(message.node);
  switch (message.kind) {
    case "replicate":
      return {
        node,
        spread: message.isSpread,
        states: message.states.map(stateJson),
        // Without keys, because a message has thousands of them.
        renewals: message.renewals.map(({ identity: { env, appid, zone, hostname }, dirty, ageMs }) => [
          env,
          appid,
          zone,
          hostname,
          String(dirty),
          ageMs,
        ]),
      };
    case "compare":
      return { node, digest: message.digest, from: message.fromBucket };
    case "replicated":
      return { node, wanted: message.wanted, newer: message.newer.map(stateJson) };
    case "compared":
      return {
        node,
        differing: message.differing,
        states: message.states.map(stateJson),
        next: message.nextBucket,
      };
  }
}

function nodeJson({ incarnation, address, zone, clock, isStarting }: NodeInfo): object {
  return { incarnation, address, zone, clock: String(clock), starting: isStarting };
}

function parseNode(value: unknown): NodeInfo {
  const fields = fieldsOf(value, "node");
  return {
    incarnation: named("incarnation", stringOf(fields, "incarnation")),
    address: named("address", stringOf(fields, "address")),
    zone: named("zone", stringOf(fields, "zone")),
    clock: bigintOf(fields["clock"], "clock"),
    isStarting: flagOf(fields, "starting"),
  };
}

function parseRenewal(value: unknown): Renewal {
  const parts = arrayOf(value, "a renewal");
  if (parts.length !== 6) throw new MalformedJson("a renewal: expected 6 elements");
  const [env, appid, zone, hostname, dirty, ageMs] = parts;
  const names = [env, appid, zone, hostname].map((name) => stringOf({ name }, "name"));
  return { identity: identityOf(names), dirty: bigintOf(dirty, "dirty"), ageMs: ageOf(ageMs) };
}

function bucketOf(value: unknown, field: string): number {
  const bucket = wholeOf(value, field);
  if (bucket >= digestBuckets) throw new MalformedJson(`${field}: expected a bucket below ${digestBuckets}`);
  return bucket;
}

function versioned(value: unknown): Fields {
  const fields = fieldsOf(value, "the message");
  const { version } = fields;
  if (version !== protocolVersion)
    throw new MalformedJson(
      `it speaks version ${String(version)} of the nodes' protocol, this node version ${protocolVersion}`,
    );
  return fields;
}
