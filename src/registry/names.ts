// Which names, addresses and metadata an instance may have. Names are parts of keys, of DNS names and of log lines.

import {
  instanceAddressBytesMax,
  instanceAddressesMax,
  instanceMetadataBytesMax,
  instanceMetadataEntriesMax,
  registryNameBytesMax,
} from "../base/limits/fixed.ts";
import { isPrintable } from "../base/printable.ts";

/** What is wrong with a name (env, appid, zone, hostname, region, version); undefined: nothing. */
export function faultOfName(field: string, name: string): string | undefined {
  if (Buffer.byteLength(name) > registryNameBytesMax) return `${field} is longer than ${registryNameBytesMax} bytes`;
  return isPrintable(name) ? undefined : `${field} holds control characters or invisible ones`;
}

/** What is wrong with a list of addresses; undefined: nothing. */
export function faultOfAddresses(addrs: readonly string[]): string | undefined {
  if (addrs.length > instanceAddressesMax) return `there are more than ${instanceAddressesMax} addrs`;
  for (const address of addrs) {
    if (Buffer.byteLength(address) > instanceAddressBytesMax)
      return `an element of addrs is longer than ${instanceAddressBytesMax} bytes`;
    if (!isPrintable(address)) return "an element of addrs holds control characters or invisible ones";
  }
  return undefined;
}

/** What is wrong with metadata; undefined: nothing. */
export function faultOfMetadata(metadata: ReadonlyMap<string, string>): string | undefined {
  if (metadata.size > instanceMetadataEntriesMax) return `metadata has more than ${instanceMetadataEntriesMax} entries`;
  let bytes = 0;
  for (const [key, value] of metadata) {
    if (!key.isWellFormed() || !value.isWellFormed()) return "metadata holds half of a surrogate pair";
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  return bytes > instanceMetadataBytesMax ? `metadata is longer than ${instanceMetadataBytesMax} bytes` : undefined;
}
