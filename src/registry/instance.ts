// What the registry holds: instances of services. An instance is a value; a change makes a new one.

import { MalformedJson } from "../base/json-fields.ts";

/** Bits of `Instance.status`, and of the masks that readers ask with. */
export const Status = {
  /** Receives traffic. */
  Up: 1,
  /** Is there, and receives none. */
  Waiting: 2,
  /** As a mask: both. */
  Any: 3,
} as const;

export type InstanceStatus = typeof Status.Up | typeof Status.Waiting;

/** A status as another process sent it. Throws MalformedJson. */
export function statusOf(value: unknown): InstanceStatus {
  if (value === Status.Up || value === Status.Waiting) return value;
  throw new MalformedJson("status: expected 1 (UP) or 2 (WAITING)");
}

/** The service under which the nodes of the registry itself are listed, in every env. */
export const discoveryAppid = "infra.discovery";

/** What tells instances apart. Region, addresses and version are plain attributes. */
export interface Identity {
  /** A deployment stage, such as `prod`; nothing of one env is seen in another. */
  readonly env: string;
  /** The service's name. */
  readonly appid: string;
  readonly zone: string;
  /** Unique among the instances of a service in a zone: for ours, the service id. */
  readonly hostname: string;
}

/** One instance of a service. Timestamps are nanoseconds since 1970, by the clock of the node that took the call. */
export interface Instance extends Identity {
  readonly region: string;
  /** URLs, `scheme://host:port`. */
  readonly addrs: readonly string[];
  readonly version: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly status: InstanceStatus;
  readonly regTimestamp: bigint;
  /** When it last turned UP. */
  readonly upTimestamp: bigint;
  /** The version of this value: of two values for one identity the greater one holds. */
  readonly dirtyTimestamp: bigint;
  readonly latestTimestamp: bigint;
}

/** A metadata without entries, shared. */
export const noMetadata: ReadonlyMap<string, string> = new Map();

/**
 * The key of a service's instances in one env. The registry's own nodes are one service in all envs, so that a client
 * of any env finds them. Names hold no control characters, so a new line separates.
 */
export function appKey(env: string, appid: string): string {
  return appid === discoveryAppid ? `\n${appid}` : `${env}\n${appid}`;
}

/** The key of an instance. */
export function instanceKey({ env, appid, zone, hostname }: Identity): string {
  return `${appKey(env, appid)}\n${zone}\n${hostname}`;
}
