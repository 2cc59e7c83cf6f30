// Which names, addresses and metadata an instance may have. Names are parts of keys, of DNS names and of log lines.
//
// There are two sets of bounds: those of a node, which its operator sets, and those of the format, beyond which a
// message of another node is malformed. An instance between the two is left out alone; the message that brings it
// counts.

import { type LimitName, type LimitValues, limitTable, limitValues } from "../base/limits/table.ts";
import { isPrintable } from "../base/printable.ts";
import type { Instance } from "./instance.ts";
import { indexedDots } from "./name-index.ts";

/** The limits that one instance has to keep. */
type InstanceLimit =
  | "registryNameBytes"
  | "instanceAddresses"
  | "instanceAddressBytes"
  | "instanceMetadataEntries"
  | "instanceMetadataBytes";
type InstanceBounds = Readonly<Pick<LimitValues, InstanceLimit>>;

/** What is wrong, and the limit that was passed; undefined if no limit was. */
export interface Fault {
  readonly sentence: string;
  readonly limit: LimitName | undefined;
}

/** The largest values that any node may be given. */
export const formatBounds: InstanceBounds = {
  registryNameBytes: limitTable.registryNameBytes.max,
  instanceAddresses: limitTable.instanceAddresses.max,
  instanceAddressBytes: limitTable.instanceAddressBytes.max,
  instanceMetadataEntries: limitTable.instanceMetadataEntries.max,
  instanceMetadataBytes: limitTable.instanceMetadataBytes.max,
};

/** Those that a node has unless it is told otherwise, for names in files. */
export const nameBounds: InstanceBounds = limitValues();

// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const control = /[\u0000-\u001f\u007f]/;

/** What is wrong with a name (env, appid, zone, hostname, region, version); undefined: nothing. */
export function faultOfName(field: string, name: string, bounds: InstanceBounds): Fault | undefined {
  const { registryNameBytes } = bounds;
  if (isLonger(name, registryNameBytes))
    return beyond("registryNameBytes", `${field} is longer than ${registryNameBytes} bytes`);
  return isText(name, bounds) ? undefined : malformed(`${field} holds control characters or invisible ones`);
}

/** What is wrong with a list of addresses; undefined: nothing. */
export function faultOfAddresses(addrs: readonly string[], bounds: InstanceBounds): Fault | undefined {
  const { instanceAddresses, instanceAddressBytes } = bounds;
  if (addrs.length > instanceAddresses)
    return beyond("instanceAddresses", `there are more than ${instanceAddresses} addrs`);
  for (const address of addrs) {
    if (isLonger(address, instanceAddressBytes))
      return beyond("instanceAddressBytes", `an element of addrs is longer than ${instanceAddressBytes} bytes`);
    if (!isText(address, bounds)) return malformed("an element of addrs holds control characters or invisible ones");
  }
  return undefined;
}

/** What is wrong with metadata; undefined: nothing. */
export function faultOfMetadata(metadata: ReadonlyMap<string, string>, bounds: InstanceBounds): Fault | undefined {
  const { instanceMetadataEntries, instanceMetadataBytes } = bounds;
  if (metadata.size > instanceMetadataEntries)
    return beyond("instanceMetadataEntries", `metadata has more than ${instanceMetadataEntries} entries`);
  let bytes = 0;
  for (const [key, value] of metadata) {
    if (bounds !== formatBounds && !(key.isWellFormed() && value.isWellFormed()))
      return malformed("metadata holds half of a surrogate pair");
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  return bytes > instanceMetadataBytes
    ? beyond("instanceMetadataBytes", `metadata is longer than ${instanceMetadataBytes} bytes`)
    : undefined;
}

/** The attributes of an instance that have bounds. */
export type Bounded = Pick<
  Instance,
  "env" | "appid" | "zone" | "hostname" | "region" | "version" | "addrs" | "metadata"
>;

/**
 * What an instance takes beside its texts, and what a dot in its names takes in the index of names, in bytes, about.
 */
const instanceBytes = 400;
const dotBytes = 100;

/** What a living instance costs in memory, in bytes, about. */
export function weightOfInstance({ appid, zone, hostname, region, version, addrs, metadata }: Bounded): number {
  let weight = instanceBytes + appid.length + zone.length + hostname.length + region.length + version.length;
  weight += (indexedDots(appid) + indexedDots(zone) + indexedDots(hostname)) * dotBytes;
  for (const address of addrs) weight += address.length;
  for (const [key, value] of metadata) weight += key.length + value.length;
  return weight;
}

/** What is wrong with an instance; undefined: nothing. */
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

/** True for a text that may be shown, or (in messages of other nodes) that may be a part of a key. */
function isText(text: string, bounds: InstanceBounds): boolean {
  return bounds === formatBounds ? !control.test(text) : isPrintable(text);
}

/** True if a text has more than `bytesMax` bytes as UTF-8. A UTF-16 unit takes three at most. */
function isLonger(text: string, bytesMax: number): boolean {
  return text.length * 3 > bytesMax && Buffer.byteLength(text) > bytesMax;
}

const beyond = (limit: LimitName, sentence: string): Fault => ({ sentence, limit });
const malformed = (sentence: string): Fault => ({ sentence, limit: undefined });
