// The rules for names, addresses and metadata of instances. Names are parts of keys, of DNS names and of log lines.
//
// There are two sets of bounds: those of a node, which its operator sets, and those of the format, beyond which another
// node's message is malformed. An instance between the two is ignored alone; the rest of its message counts.

import { type LimitName, type LimitValues, limitTable, limitValues } from "../base/limits/table.ts";
import { isPrintable } from "../base/printable.ts";
import type { Instance } from "./instance.ts";
import { indexedDots } from "./name-index.ts";

/** The limits of one instance. */
type InstanceLimit =
  | "registryNameBytes"
  | "instanceAddresses"
  | "instanceAddressBytes"
  | "instanceMetadataEntries"
  | "instanceMetadataBytes";
type InstanceBounds = Readonly<Pick<LimitValues, InstanceLimit>>;

/** What is wrong, and the limit that was exceeded, if one was. */
export interface Fault {
  readonly sentence: string;
  readonly limit: LimitName | undefined;
}

/** The largest values that an operator may set. */
export const formatBounds: InstanceBounds = {
  registryNameBytes: limitTable.registryNameBytes.max,
  instanceAddresses: limitTable.instanceAddresses.max,
  instanceAddressBytes: limitTable.instanceAddressBytes.max,
  instanceMetadataEntries: limitTable.instanceMetadataEntries.max,
  instanceMetadataBytes: limitTable.instanceMetadataBytes.max,
};

/** A node's default bounds, also for names in files. */
export const nameBounds: InstanceBounds = limitValues();

// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const control = /[\u0000-\u001f\u007f]/;

/** Returns what is wrong with a name (env, appid, zone, hostname, region, version), or undefined. */
export function faultOfName(field: string, name: string, bounds: InstanceBounds): Fault | undefined {
  const { registryNameBytes } = bounds;
  if (isLonger(name, registryNameBytes))
    return beyond("registryNameBytes", `${field} is longer than ${registryNameBytes} bytes`);
  return isText(name, bounds) ? undefined : malformed(`${field} contains control or invisible characters`);
}

/** Returns what is wrong with a list of addresses, or undefined. */
export function faultOfAddresses(addrs: readonly string[], bounds: InstanceBounds): Fault | undefined {
  const { instanceAddresses, instanceAddressBytes } = bounds;
  if (addrs.length > instanceAddresses)
    return beyond("instanceAddresses", `there are more than ${instanceAddresses} addrs`);
  for (const address of addrs) {
    if (isLonger(address, instanceAddressBytes))
      return beyond("instanceAddressBytes", `an element of addrs is longer than ${instanceAddressBytes} bytes`);
    if (!isText(address, bounds)) return malformed("an element of addrs contains control or invisible characters");
  }
  return undefined;
}

/** Returns what is wrong with metadata, or undefined. */
export function faultOfMetadata(metadata: ReadonlyMap<string, string>, bounds: InstanceBounds): Fault | undefined {
  const { instanceMetadataEntries, instanceMetadataBytes } = bounds;
  if (metadata.size > instanceMetadataEntries)
    return beyond("instanceMetadataEntries", `metadata has more than ${instanceMetadataEntries} entries`);
  let bytes = 0;
  for (const [key, value] of metadata) {
    if (bounds !== formatBounds && !(key.isWellFormed() && value.isWellFormed()))
      return malformed("metadata contains half of a surrogate pair");
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  return bytes > instanceMetadataBytes
    ? beyond("instanceMetadataBytes", `metadata is longer than ${instanceMetadataBytes} bytes`)
    : undefined;
}

/** The bounded attributes of an instance. */
export type Bounded = Pick<
  Instance,
  "env" | "appid" | "zone" | "hostname" | "region" | "version" | "addrs" | "metadata"
>;

/** Memory in bytes, approximately: of an instance without its texts, and of a dot in the index of names. */
const instanceBytes = 400;
const dotBytes = 100;

/** Returns the approximate memory of a live instance, in bytes. */
export function weightOfInstance({ appid, zone, hostname, region, version, addrs, metadata }: Bounded): number {
  let weight = instanceBytes + appid.length + zone.length + hostname.length + region.length + version.length;
  weight += (indexedDots(appid) + indexedDots(zone) + indexedDots(hostname)) * dotBytes;
  for (const address of addrs) weight += address.length;
  for (const [key, value] of metadata) weight += key.length + value.length;
  return weight;
}

/** Returns what is wrong with an instance, or undefined. */
export function faultOfInstance(instance: Bounded, bounds: InstanceBounds): Fault | undefined {
  const { env, appid, zone, hostname, region, version, addrs, metadata } = instance;
  return (
    faultOfName("zone", zone, bounds) ??
    faultOfName("env", env, bounds) ??
    faultOfName("appid", appid, bounds) ??
    faultOfName("hostname", hostname, bounds) ??
    faultOfName("region", region, bounds) ??
    faultOfName("version", version, bounds) ??
    faultOfAddresses(addrs, bounds) ??
    faultOfMetadata(metadata, bounds)
  );
}

/** Reports whether a text may be displayed or, in messages of other nodes, be part of a key. */
function isText(text: string, bounds: InstanceBounds): boolean {
  return bounds === formatBounds ? !control.test(text) : isPrintable(text);
}

/** Reports whether a text has more than `bytesMax` bytes as UTF-8, of which a UTF-16 unit takes three at most. */
function isLonger(text: string, bytesMax: number): boolean {
  return text.length * 3 > bytesMax && Buffer.byteLength(text) > bytesMax;
}

const beyond = (limit: LimitName, sentence: string): Fault => ({ sentence, limit });
const malformed = (sentence: string): Fault => ({ sentence, limit: undefined });
