// The addresses of files in the folder: what a ticket allows, signed. The server that answers them asks no store: what
// it has to know is in the address.
//
//   /media/ID?op=get&until=SECONDS&name=NAME&type=TYPE&sig=SIGNATURE
//   /media/ID?op=put&until=SECONDS&size=BYTES&type=TYPE&by=OWNER&sig=SIGNATURE
//
// The signature is an HMAC-SHA-256, in base64url, over the fields in this order, each with its length: no two tickets
// are the same text.

import { createHmac, timingSafeEqual } from "node:crypto";
import { mediaIdCharacters } from "../../base/limits/fixed.ts";

/** Where the addresses begin, on whatever listener. */
export const mediaPath = "/media/";
const urlBytesMax = 4 * 1024;

export type Grant =
  | { readonly op: "get"; readonly id: string; readonly until: number; readonly name: string; readonly type: string }
  | {
      readonly op: "put";
      readonly id: string;
      /** Seconds since 1970. */
      readonly until: number;
      /** In bytes. */
      readonly size: number;
      readonly type: string;
      /** Tells owners apart, and says nothing of them. */
      readonly by: string;
    };

function fieldsOf(grant: Grant): Record<string, string> {
  const { op, until, type } = grant;
  return grant.op === "get"
    ? { op, until: `${until}`, name: grant.name, type }
    : { op, until: `${until}`, size: `${grant.size}`, type, by: grant.by };
}

function signature(key: Uint8Array, grant: Grant): string {
  const hmac = createHmac("sha256", key).update("roost media 1");
  for (const text of [grant.id, ...Object.values(fieldsOf(grant))])
    hmac.update(`${Buffer.byteLength(text)}:`).update(text);
  return hmac.digest("base64url");
}

/** Returns a name for an owner that does not reveal it. */
export function ownerTag(key: Uint8Array, owner: string): string {
  return createHmac("sha256", key).update("roost media owner 1").update(owner).digest("base64url").slice(0, 16);
}

/** The address, relative to that of a listener. */
export function signedPath(key: Uint8Array, grant: Grant): string {
  const query = new URLSearchParams({ ...fieldsOf(grant), sig: signature(key, grant) });
  return `${mediaPath}${grant.id}?${query.toString()}`;
}

/** Returns what an address grants; undefined unless this key has signed it. Whether it has expired is not looked at. */
export function grantOf(key: Uint8Array, url: URL): Grant | undefined {
  if (url.href.length > urlBytesMax || !url.pathname.startsWith(mediaPath)) return undefined;
  const id = url.pathname.slice(mediaPath.length);
  // Nothing else comes near a path of the file system.
  if (id.length !== mediaIdCharacters || /[^0-9A-Za-z]/.test(id)) return undefined;
  const field = (name: string): string => url.searchParams.get(name) ?? "";
  const [until, type] = [Number(field("until")), field("type")];
  const grant: Grant =
    field("op") === "put"
      ? { op: "put", id, until, size: Number(field("size")), type, by: field("by") }
      : { op: "get", id, until, name: field("name"), type };
  const [given, expected] = [Buffer.from(field("sig")), Buffer.from(signature(key, grant))];
  return given.length === expected.length && timingSafeEqual(given, expected) ? grant : undefined;
}
