// The reserved keys of a header's metas, and their comparison in place.

import { MetaKey } from "./commands.ts";

const keyBytes = (key: string): Uint8Array => new TextEncoder().encode(key);
export const keyApp = keyBytes(MetaKey.App);
export const keyAccount = keyBytes(MetaKey.Account);
export const keyServer = keyBytes(MetaKey.DestServer);
export const keyChannels = keyBytes(MetaKey.DestChannels);
export const keyPlain = keyBytes(MetaKey.DestPlain);

/** Reports whether `key` is at packet[at]. The caller has compared the lengths. */
export function equals(packet: Uint8Array, at: number, key: Uint8Array): boolean {
  for (let index = 0; index < key.length; index++) {
    if (packet[at + index] !== key[index]) return false;
  }
  return true;
}

/** Reports whether a key is reserved for services: app, account, dest.server, dest.channels, dest.plain. */
export function isReservedKey(packet: Uint8Array, start: number, end: number): boolean {
  switch (end - start) {
    case 3:
      return equals(packet, start, keyApp);
    case 7:
      return equals(packet, start, keyAccount);
    default:
      return isRoutingKey(packet, start, end);
  }
}

/** Reports whether a key is dest.server, dest.channels or dest.plain, which the gateway removes. */
export function isRoutingKey(packet: Uint8Array, start: number, end: number): boolean {
  switch (end - start) {
    case 10:
      return equals(packet, start, keyPlain);
    case 11:
      return equals(packet, start, keyServer);
    case 13:
      return equals(packet, start, keyChannels);
    default:
      return false;
  }
}
