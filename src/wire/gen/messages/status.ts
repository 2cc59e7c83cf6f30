// pkt.Status of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { UnknownEnum } from "../../message-type.ts";

/** Ranges: 100-299 the request is invalid, 300-399 the server failed (retry), 400 and above sign in again. */
export const Status = {
  Success: 0,
  NoDestination: 100,
  InvalidPacketBody: 101,
  InvalidCommand: 103,
  Unauthorized: 105,
  Forbidden: 106,
  NotFound: 107,
  PayloadTooLarge: 109,
  SystemException: 300,
  NotImplemented: 301,
  ServiceUnavailable: 302,
  RateLimited: 303,
  SessionNotFound: 404,
} as const;
export type Status = (typeof Status)[keyof typeof Status] | UnknownEnum;
