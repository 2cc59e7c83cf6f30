// The name of a request, in the log and in its answer: the one that it brought, if it is harmless, else a new one.

import type { Random } from "../base/random.ts";

export const requestIdHeader = "x-request-id";

const harmless = /^[A-Za-z0-9_.-]{1,64}$/;
const prefixBytes = 6;

export class RequestIds {
  /** Of this process: its requests are told apart by numbers. */
  private readonly prefix: string;
  private count = 0;

  constructor(random: Random) {
    this.prefix = Buffer.from(random.bytes(prefixBytes)).toString("base64url");
  }

  of(request: Request): string {
    const given = request.headers.get(requestIdHeader);
    return given !== null && harmless.test(given) ? given : `${this.prefix}.${++this.count}`;
  }
}
