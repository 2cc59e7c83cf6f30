// The names by which processes hold leases of node numbers. They say which schema a program knows: during a rolling
// upgrade, programs of the former one go on with the store, and read it as they always have.

import { randomBytes } from "node:crypto";

/** The first schema whose programs say it; their reads pass over what is behind the watermark of an app. */
const clippingSchema = 9;

/** A name for the life of the process. */
export function leaseHolder(): string {
  return `${clippingSchema}:${randomBytes(8).toString("hex")}`;
}

/** How long after the end of its lease a program may still read: it renews it once a minute at least. */
export const formerMs = 60_000;

/** A condition of SQL, of both engines: the holder of a lease is a program that does not know watermarks. */
export const isFormerHolder = (holder: string): string => `${holder} NOT LIKE '%:%'`;
