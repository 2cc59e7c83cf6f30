// The body of a request, bounded before it is taken: in length, in the time that it takes to arrive, and together with
// those of all requests under way.

import { gunzipSync } from "node:zlib";
import { Code, ConnectError } from "@connectrpc/connect";
import { apiBodyBytesMax } from "../base/limits/fixed.ts";
import type { Limits } from "../base/limits/limits.ts";
import type { Timers } from "../base/timers.ts";
import { invalid } from "./codes.ts";
import type { ApiKey } from "./keys/api-key.ts";

/** The time for a body to arrive, in milliseconds. */
const bodyMsMax = 30_000;

function tooLarge(): ConnectError {
  return new ConnectError(`a request's body has at most ${apiBodyBytesMax} bytes`, Code.ResourceExhausted);
}

/** Returns the length that a request tells; undefined for a chunked one. Throws ResourceExhausted beyond the bound. */
export function announcedBytes(request: Request): number | undefined {
  const length = request.headers.get("content-length");
  if (length === null) return request.headers.has("transfer-encoding") ? undefined : 0;
  const bytes = Number(length);
  if (bytes > apiBodyBytesMax) throw tooLarge();
  return bytes;
}

/** The bytes of all bodies that are held. One key has at most half of the room: what it sends slowly stops no other. */
export class HeldBodies {
  private readonly limits: Limits;
  private readonly ofKey = new Map<string, number>();
  private bytes = 0;

  constructor(limits: Limits) {
    this.limits = limits;
    limits.measure("apiBytes", () => this.bytes);
  }

  /** Reserves room for a body. Throws Unavailable if there is none. Give it back with `release`. */
  reserve({ id, app, name }: ApiKey, bytes: number): void {
    const { apiBytes } = this.limits.values;
    const held = this.ofKey.get(id) ?? 0;
    // Any body that is allowed has room.
    const share = Math.max(apiBytes / 2, apiBodyBytesMax);
    if (this.bytes + bytes > apiBytes || held + bytes > share) {
      this.limits.met("apiBytes", { app, key: name });
      throw new ConnectError("too many requests are under way, try again", Code.Unavailable);
    }
    this.bytes += bytes;
    this.ofKey.set(id, held + bytes);
  }

  release({ id }: ApiKey, bytes: number): void {
    this.bytes -= bytes;
    const held = (this.ofKey.get(id) ?? 0) - bytes;
    if (held > 0) this.ofKey.set(id, held);
    else this.ofKey.delete(id);
  }
}

/**
 * Returns the body, uncompressed. Throws ResourceExhausted, DeadlineExceeded, InvalidArgument, Unimplemented. A chunked
 * one is read piece by piece, and given up at the bound.
 */
export async function readBody(request: Request, announced: number | undefined, timers: Timers): Promise<Uint8Array> {
  const encoding = request.headers.get("content-encoding");
  if (encoding !== null && encoding !== "identity" && encoding !== "gzip")
    throw new ConnectError("content-encoding must be gzip or identity", Code.Unimplemented);
  const bytes = announced === 0 ? new Uint8Array(0) : await inTime(request, announced, timers);
  return encoding === "gzip" ? uncompressed(bytes) : bytes;
}

async function inTime(request: Request, announced: number | undefined, timers: Timers): Promise<Uint8Array> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const cancel = timers.after(bodyMsMax, () =>
    reject(new ConnectError(`the body did not arrive within ${bodyMsMax / 1_000} s`, Code.DeadlineExceeded)),
  );
  const arriving = announced === undefined ? pieces(request) : request.bytes();
  try {
    return await Promise.race([arriving, late]);
  } catch (error) {
    if (error instanceof ConnectError) throw error;
    // The platform's error: its connection has ended, or a chunk was malformed, which ends it, too.
    throw new ConnectError("the connection ended before the body", Code.Canceled);
  } finally {
    cancel();
  }
}

async function pieces(request: Request): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.length;
    if (bytes > apiBodyBytesMax) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}

function uncompressed(bytes: Uint8Array): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: apiBodyBytesMax });
  } catch (error) {
    if (error instanceof RangeError) throw tooLarge();
    throw invalid("the body is not gzip");
  }
}
