// A state of the table as JSON, in messages and snapshots. Versions have 64 bits and are written as decimal text.

import { tombstoneMs } from "../../base/limits/fixed.ts";
import type { EntryState } from "./entry.ts";
import { type Identity, type Instance, statusOf } from "../instance.ts";
import {
  bigintOf,
  type Fields,
  fieldsOf,
  flagOf,
  MalformedJson,
  stringOf,
  stringsOf,
  textMapOf,
  wholeOf,
} from "../../base/json-fields.ts";
import { compact } from "../metadata.ts";
import { type Fault, faultOfAddresses, faultOfMetadata, faultOfName, formatBounds } from "../names.ts";

/** Longer than the life of any lease and tombstone; as nanoseconds it still fits 64 bits. */
const agesMsMax = 2 * tombstoneMs;

/** Returns the object that JSON.stringify turns into a state. */
export function stateJson({ identity, dirty, instance, ageMs, isProbed, hasRenewed }: EntryState): object {
  const { env, appid, zone, hostname } = identity;
  const names = { env, appid, zone, hostname };
  return {
    ...names,
    dirty: String(dirty),
    age: ageMs,
    probed: isProbed,
    renewed: hasRenewed,
    instance: living(instance),
  };
}

/** Reads a parsed state. Throws MalformedJson. */
export function parseState(value: unknown): EntryState {
  const fields = fieldsOf(value, "a state");
  const identity = identityOf(["env", "appid", "zone", "hostname"].map((key) => stringOf(fields, key)));
  const dirty = bigintOf(fields["dirty"], "dirty");
  const body = fields["instance"];
  return {
    identity,
    dirty,
    instance: body === undefined ? undefined : parseInstance(fieldsOf(body, "instance"), identity, dirty),
    ageMs: ageOf(fields["age"]),
    isProbed: flagOf(fields, "probed"),
    // Former releases and their snapshots lack the field.
    hasRenewed: fields["renewed"] === undefined || flagOf(fields, "renewed"),
  };
}

/** Reads an age in milliseconds, capped at `agesMsMax`. */
export function ageOf(value: unknown): number {
  return Math.min(wholeOf(value, "age"), agesMsMax);
}

/** Reads an identity of four non-empty names. Throws MalformedJson. */
export function identityOf([env = "", appid = "", zone = "", hostname = ""]: readonly string[]): Identity {
  for (const name of [env, appid, zone, hostname])
    if (name === "") throw new MalformedJson("an identity contains an empty name");
  return {
    env: named("env", env),
    appid: named("appid", appid),
    zone: named("zone", zone),
    hostname: named("hostname", hostname),
  };
}

/** Checks a name from another node. Throws MalformedJson. */
export function named(field: string, name: string): string {
  check(faultOfName(field, name, formatBounds));
  return name;
}

function living(instance: Instance | undefined): object | undefined {
  if (instance === undefined) return undefined;
  const { region, addrs, version, metadata, status, regTimestamp, upTimestamp, latestTimestamp } = instance;
  return {
    region,
    addrs,
    version,
    metadata: Object.fromEntries(metadata),
    status,
    reg: String(regTimestamp),
    up: String(upTimestamp),
    latest: String(latestTimestamp),
  };
}

function parseInstance(fields: Fields, identity: Identity, dirty: bigint): Instance {
  const addrs = stringsOf(fields["addrs"], "addrs");
  const metadata = textMapOf(fields["metadata"], "metadata");
  check(faultOfAddresses(addrs, formatBounds));
  check(faultOfMetadata(metadata, formatBounds));
  return {
    ...identity,
    region: named("region", stringOf(fields, "region")),
    addrs,
    version: named("version", stringOf(fields, "version")),
    metadata: compact(metadata),
    status: statusOf(fields["status"]),
    regTimestamp: bigintOf(fields["reg"], "reg"),
    upTimestamp: bigintOf(fields["up"], "up"),
    dirtyTimestamp: dirty,
    latestTimestamp: bigintOf(fields["latest"], "latest"),
  };
}

function check(fault: Fault | undefined): void {
  if (fault !== undefined) throw new MalformedJson(fault.sentence);
}
