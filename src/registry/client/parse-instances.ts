// Reads a registry's answers (discovery, sections 1 and 2). Nothing of a peer's JSON goes further than this file
// unchecked: an answer is what its types say, or it is malformed as a whole.
//
// Timestamps are int64 and beyond what a double holds. Before parsing, the digits behind the five timestamp keys are put
// in quotes, and are read as BigInt afterwards: a tenth of the time that a reviver with source text takes (on 4 MB, 20 ms
// against 150 ms). Inside a JSON string the pattern cannot match, since there every quote stands behind a backslash.

import { type Instance, type InstanceStatus, Status } from "../instance.ts";
import { type Scheduler, schedulerOf } from "./scheduler.ts";

/** The peer sent what is no answer of a registry. */
export class MalformedAnswer extends Error {
  override readonly name = "MalformedAnswer";
}

/** The envelope of every answer; what is inside is not checked yet. */
export interface Answer {
  /** 0 for success, negative otherwise. */
  readonly code: number;
  /** '' when absent. */
  readonly message: string;
  readonly data: unknown;
  readonly error: unknown;
  /** The node said that it shows what it knew before it ended, until others confirm it. */
  readonly isStale: boolean;
}

/** The UP instances of one service as one node saw them. */
export interface ServiceList {
  readonly instances: readonly Instance[];
  /** That node's own count of changes, to be sent back to it and to nobody else. */
  readonly latestTimestamp: bigint;
  /** What zones weigh for clients of each zone; empty where nothing is said. */
  readonly scheduler: Scheduler;
}

/** An instance in a list of everything. */
export interface ListedInstance {
  readonly instance: Instance;
  /** When it was renewed last, by the clock of the node that says so: nanoseconds since 1970. */
  readonly renewTimestamp: bigint;
  /** It should have renewed since, and is listed because the node forgets nobody at the moment. */
  readonly isStale: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

const timestampDigits = /("(?:reg|up|renew|dirty|latest)_timestamp"\s*:\s*)(-?\d{1,19})(?=\s*[,}])/g;
const integer = /^-?\d{1,19}$/;

/** Throws MalformedAnswer. */
export function parseAnswer(text: string): Answer {
  let root: unknown;
  try {
    root = JSON.parse(text.replace(timestampDigits, '$1"$2"'));
  } catch (cause) {
    throw new MalformedAnswer("the answer is not JSON", { cause });
  }
  const fields = fieldsOf(root, "the answer");
  const { code, message = "", data, error } = fields;
  if (typeof code !== "number" || !Number.isSafeInteger(code)) throw new MalformedAnswer("the answer has no code");
  if (typeof message !== "string") throw new MalformedAnswer("the message is not text");
  return { code, message, data, error, isStale: fields["stale"] === true };
}

/** The data of `polls`: a list for each changed service. Throws MalformedAnswer. */
export function parseServices(data: unknown): Map<string, ServiceList> {
  const services = new Map<string, ServiceList>();
  for (const [appid, info] of Object.entries(fieldsOf(data, "data"))) services.set(appid, parseService(info));
  return services;
}

/** The data of `fetch`. Instances that are not UP are left out. Throws MalformedAnswer. */
export function parseService(data: unknown): ServiceList {
  const fields = fieldsOf(data, "a service");
  const instances: Instance[] = [];
  // A Go map or slice that is nil arrives as null.
  for (const [zone, list] of Object.entries(fieldsOf(fields["instances"] ?? {}, "instances"))) {
    if (list === null) continue;
    if (!Array.isArray(list)) throw new MalformedAnswer(`the zone ${zone} is not a list`);
    for (const item of list) {
      const instance = parseInstance(item);
      if (instance.status === Status.Up) instances.push(instance);
    }
  }
  const scheduler = schedulerOf(fields["scheduler"]);
  return { instances, latestTimestamp: timestampOf(fields, "latest_timestamp"), scheduler };
}

/** What `polls` says of services that the node does not know. Throws MalformedAnswer. */
export function parseUnknown(error: unknown): ReadonlySet<string> {
  const unknown = fieldsOf(error ?? {}, "error")["-404"] ?? [];
  return new Set(textsOf(unknown, "error"));
}

/** The data of `fetch/all`: the instances of all services, envs and statuses. Throws MalformedAnswer. */
export function parseListing(data: unknown): ListedInstance[] {
  const listed: ListedInstance[] = [];
  for (const [appid, list] of Object.entries(fieldsOf(data ?? {}, "data"))) {
    if (list === null) continue;
    if (!Array.isArray(list)) throw new MalformedAnswer(`the service ${appid} is not a list`);
    for (const item of list) {
      listed.push(parseRenewed(item));
    }
  }
  return listed;
}

/** One instance, and when it was renewed. Throws MalformedAnswer. */
export function parseRenewed(item: unknown): ListedInstance {
  const fields = fieldsOf(item, "an instance");
  const renewTimestamp = timestampOf(fields, "renew_timestamp");
  return { instance: parseInstance(item), renewTimestamp, isStale: fields["stale"] === true };
}

/** The data of `nodes`: the registry's own nodes in one zone. Throws MalformedAnswer. */
export function parseNodes(data: unknown): { readonly address: string; readonly isUp: boolean }[] {
  if (!Array.isArray(data)) throw new MalformedAnswer("the list of nodes is none");
  return data.map((item) => {
    const fields = fieldsOf(item, "a node");
    return { address: textOf(fields, "addr"), isUp: fields["status"] === 0 };
  });
}

/** One instance, as `parseAnswer` left it. Throws MalformedAnswer. */
export function parseInstance(value: unknown): Instance {
  const fields = fieldsOf(value, "an instance");
  const metadata = new Map<string, string>();
  for (const [key, text] of Object.entries(fieldsOf(fields["metadata"] ?? {}, "metadata"))) {
    if (typeof text !== "string") throw new MalformedAnswer(`metadata ${key} is not text`);
    metadata.set(key, text);
  }
  return {
    env: textOf(fields, "env"),
    appid: textOf(fields, "appid"),
    zone: textOf(fields, "zone"),
    hostname: textOf(fields, "hostname"),
    region: textOf(fields, "region"),
    addrs: splitAddresses(textsOf(fields["addrs"] ?? [], "addrs")),
    version: textOf(fields, "version"),
    metadata,
    status: statusOf(fields["status"]),
    regTimestamp: timestampOf(fields, "reg_timestamp"),
    upTimestamp: timestampOf(fields, "up_timestamp"),
    dirtyTimestamp: timestampOf(fields, "dirty_timestamp"),
    latestTimestamp: timestampOf(fields, "latest_timestamp"),
  };
}

/** Some nodes of the original take what a peer or an old client joined by commas for one address. */
function splitAddresses(addrs: readonly string[]): string[] {
  return addrs.flatMap((joined) => joined.split(",").filter((address) => address !== ""));
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function fieldsOf(value: unknown, what: string): Fields {
  if (!isFields(value)) throw new MalformedAnswer(`${what} is not an object`);
  return value;
}

function textOf(fields: Fields, key: string): string {
  const value = fields[key];
  if (typeof value !== "string") throw new MalformedAnswer(`${key} is not text`);
  return value;
}

function textsOf(value: unknown, what: string): string[] {
  if (!Array.isArray(value)) throw new MalformedAnswer(`${what} is not a list`);
  return value.map((item) => {
    if (typeof item !== "string") throw new MalformedAnswer(`${what} holds what is not text`);
    return item;
  });
}

function statusOf(value: unknown): InstanceStatus {
  if (value === Status.Up || value === Status.Waiting) return value;
  throw new MalformedAnswer("status is neither UP nor WAITING");
}

function timestampOf(fields: Fields, key: string): bigint {
  const value = fields[key];
  if (typeof value !== "string" || !integer.test(value)) throw new MalformedAnswer(`${key} is not a whole number`);
  return BigInt(value);
}
