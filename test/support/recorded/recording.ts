// A recording: what the connections of some clients sent and received, byte for byte, as it is kept in a file. The
// bytes are in the notation of byte-text.ts.

import { createHmac } from "node:crypto";

/** A token of the recording, made anew for each replay; only its times differ. */
export interface TokenSpec {
  readonly account: string;
  /** Absent: a token without the claim. */
  readonly app?: string;
  /** When it expires, from the start of the run on. */
  readonly ttlSeconds: number;
  /** Which of the server's keys signs it. */
  readonly key: KeyName;
}

/** `stranger` is no key of the server. `second` is until the recording removes it. */
export type KeyName = "first" | "second" | "stranger";

export const keys: Readonly<Record<KeyName, string>> = {
  first: "the first key of the recorded clients",
  second: "the second key of the recorded clients",
  stranger: "a key that the server does not have",
};

/** Received at the end of a connection, after its last bytes. */
export const endMark = "(end)";

export interface Step {
  /** For people. */
  readonly what: string;
  /** The connection that acts; absent if the server does. */
  readonly by?: string;
  /** It connects first. */
  readonly open?: "tcp" | "ws";
  /** Then it sends. */
  readonly send?: string;
  /** It ends its side. */
  readonly close?: true;
  /** What is done to the server: it loses its second key, or is told to end. */
  readonly server?: "remove second key" | "end";
  /** What the connections receive then: frames, each in the notation, and `endMark`. */
  readonly received: Readonly<Record<string, readonly string[]>>;
  /** Requests that were sent at once may be answered in any order. */
  readonly anyOrder?: true;
}

export interface Session {
  readonly name: string;
  readonly steps: readonly Step[];
}

export interface Recording {
  readonly about: string;
  /** The commit of the program that gave these answers. */
  readonly commit: string;
  /** The words with which the server is started. */
  readonly words: readonly string[];
  readonly tokens: Readonly<Record<string, TokenSpec>>;
  readonly sessions: readonly Session[];
}

/** Makes a token as KIM's own package does, without `iat`. `exp` is in seconds since 1970. */
export function recordedToken({ account, app, key }: TokenSpec, exp: number): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part({ acc: account, app, exp })}`;
  return `${signed}.${createHmac("sha256", keys[key]).update(signed).digest("base64url")}`;
}
