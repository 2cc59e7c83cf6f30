// The bodies of chat.connections, by which a chat node asks a gateway about connections of clients:
//
//   chat to gateway   {"ask":7,"channels":["…"]}
//   gateway to chat   {"ask":7,"connections":[[ageMs,"channel","address"]]}   those that are there
//
// JSON, because this is rare.

import { arrayOf, fieldsOf, ifWellFormed, jsonOf, stringsOf, wholeOf } from "../base/json-fields.ts";

interface ConnectionsQuestion {
  /** Chosen by the chat node; the answer repeats it. */
  readonly ask: number;
  readonly channels: readonly string[];
}

export interface ConnectionFacts {
  readonly channel: string;
  /** Since its sign-in, in milliseconds. */
  readonly ageMs: number;
  /** Where the client is. */
  readonly address: string;
}

interface ConnectionsAnswer {
  readonly ask: number;
  readonly connections: readonly ConnectionFacts[];
}

export function encodeConnectionsQuestion(question: ConnectionsQuestion): Uint8Array {
  return Buffer.from(JSON.stringify(question));
}

export function encodeConnectionsAnswer({ ask, connections }: ConnectionsAnswer): Uint8Array {
  const rows = connections.map(({ channel, ageMs, address }) => [Math.floor(ageMs), channel, address]);
  return Buffer.from(JSON.stringify({ ask, connections: rows }));
}

/** Returns undefined for a malformed question. */
export function decodeConnectionsQuestion(body: Buffer): ConnectionsQuestion | undefined {
  return ifWellFormed(() => {
    const fields = fieldsOf(jsonOf(body.toString(), "connections"), "connections");
    return { ask: wholeOf(fields["ask"], "ask"), channels: stringsOf(fields["channels"], "channels") };
  });
}

/** Returns undefined for a malformed answer. */
export function decodeConnectionsAnswer(body: Buffer): ConnectionsAnswer | undefined {
  return ifWellFormed(() => {
    const fields = fieldsOf(jsonOf(body.toString(), "connections"), "connections");
    const connections = arrayOf(fields["connections"], "connections").map((row) => {
      const [ageMs, ...texts] = arrayOf(row, "connections");
      const [channel = "", address = ""] = stringsOf(texts, "connections");
      return { channel, ageMs: wholeOf(ageMs, "ageMs"), address };
    });
    return { ask: wholeOf(fields["ask"], "ask"), connections };
  });
}
