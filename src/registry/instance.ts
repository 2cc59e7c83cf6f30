// Instances of services, which the registry holds. An instance is an immutable value.

import { MalformedJson } from "../base/json-fields.ts";

/** Bits of `Instance.status`, and of the masks that readers ask with. */
export const Status = {
  /** Receives traffic. */
  Up: 1,
  /** Receives no traffic. */
  Waiting: 2,
  /** Both, as a mask. */
  Any: 3,
} as const;

export type InstanceStatus = typeof Status.Up | typeof Status.Waiting;

/** Reads a status from another process. Throws MalformedJson. */
export function statusOf(value: unknown): InstanceStatus {
  if (value === Status.Up || value === Status.Waiting) return value;
  throw new MalformedJson("status: expected 1 (UP) or 2 (WAITING)");
}

/** The service of the registry's own nodes, listed in every env. */
export const discoveryAppid = "infra.discovery";

/** What identifies an instance. Region, addresses and version are plain attributes. */
export interface Identity {
  /** A deployment stage, such as `prod`. Envs do not see each other's instances. */
  readonly env: string;
  /** The service's name. */
  readonly appid: string;
  readonly zone: string;
  /** Unique among the instances of a service in a zone; for services of this program, the service id. */
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
  /** The version of this value: the greater one wins. */
  readonly dirtyTimestamp: bigint;
  readonly latestTimestamp: bigint;
}

export const noMetadata: ReadonlyMap<string, string> = new Map();

/**
 * Returns the key of a service in one env. The registry's own nodes are one service in all envs, so that clients of any
 * env find them. The separator is a newline, because names hold no control characters.
 */
export function appKey(env: string, appid: string): string {
  return appid === discoveryAppid ? `\n${appid}` : `${env}\n${appid}`;
}

export function instanceKey({ env, appid, zone, hostname }: Identity): string {
  return `${appKey(env, appid)}\n${zone}\n${hostname}`;
}
