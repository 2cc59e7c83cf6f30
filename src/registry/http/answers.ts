// The API's answers. Results have HTTP status 200 and a code in the body: clients take any other status for a broken
// transport. Timestamps are written as whole numbers, beyond the precision of a double.

import type { Entry } from "../table/entry.ts";
import type { BodyParts, HttpAnswer } from "../../transport/http/http-answer.ts";
import { Code } from "../codes.ts";
import type { App } from "../table/apps.ts";

const jsonType = "application/json; charset=utf-8";

/** The size of a piece of an answer that is created as it is read; at most one instance more is in it. */
const pieceCharactersMin = 64 * 1024;
const keptCharactersMax = 2_048;

/** Sent instead of an answer if its reader, or all readers, have too many unread bytes. */
const tooMuchUnread = codeAnswer(
  `{"code":${Code.LimitExceeded},"message":"too many bytes of answers wait here to be read","ttl":1}`,
  Code.LimitExceeded,
);

export function codeAnswer(body: string, code: Code): HttpAnswer {
  return { status: 200, fields: fieldsOf(code), body };
}

/** Returns an answer whose parts other answers share. */
export function sharedAnswer(parts: BodyParts, code: Code): HttpAnswer {
  return { status: 200, fields: fieldsOf(code), body: parts, instead: tooMuchUnread };
}

/** Returns the usual envelope; `data` is JSON, or undefined for none. */
export function envelope(code: Code, message: string | undefined, data?: string, isStale = false): HttpAnswer {
  const text = message === undefined ? `"${code}"` : JSON.stringify(message);
  const shown = data === undefined ? "" : `,"data":${data}`;
  return codeAnswer(`{"code":${code},"message":${text},"ttl":1${shown}${endOf(isStale)}`, code);
}

/** Returns the envelope of code 0 around parts of JSON. */
export function sharedEnvelope(data: BodyParts, isStale: boolean): HttpAnswer {
  const head = Buffer.from('{"code":0,"message":"0","ttl":1,"data":');
  return sharedAnswer([head, ...data, Buffer.from(endOf(isStale))], Code.Ok);
}

/**
 * Returns the envelope of data that may be large: each piece is created after the reader has taken the previous ones,
 * so that a slow reader costs one piece, and one that leaves nothing. `ended` is called at the end. If `data` throws,
 * the answer is cut short, so that no reader takes it for complete.
 */
export function pieceByPiece(code: Code, data: Iterator<string>, isStale: boolean, ended: () => void): HttpAnswer {
  function* pieces(): Generator<Uint8Array, undefined> {
    let text = `{"code":${code},"message":"${code}","ttl":1,"data":`;
    for (let next = data.next(); next.done !== true; next = data.next()) {
      text += next.value;
      if (text.length < pieceCharactersMin) continue;
      yield Buffer.from(text);
      text = "";
    }
    yield Buffer.from(text + endOf(isStale));
  }
  return { status: 200, fields: fieldsOf(code), body: pieces(), ended };
}

function fieldsOf(code: Code): Readonly<Record<string, string>> {
  return { "content-type": jsonType, "kratos-status-code": String(code) };
}

const endOf = (isStale: boolean): string => `${isStale ? ',"stale":true' : ""}}`;

/**
 * Returns an instance as JSON for a list, with the `env` that the reader asked for. Kept, because lists are read often.
 */
function listedJson(entry: Entry, env: string | undefined): string {
  const { instance } = entry;
  if (instance === undefined) return "null";
  const isElsewhere = env !== undefined && env !== instance.env;
  const head = isElsewhere ? headOf(entry, env) : (entry.json ?? keptHead(entry, instance.env));
  return head + endOfInstance(entry);
}

/** Returns the part that changes with renewals: the last renewal, and whether one is overdue. */
function endOfInstance({ renewTimestamp, isLapsed }: Entry): string {
  return isLapsed ? `${renewTimestamp},"stale":true}` : `${renewTimestamp}}`;
}

/** Long texts are created each time: keeping them would double an instance's memory. */
function keptHead(entry: Entry, env: string): string {
  const head = headOf(entry, env);
  if (head.length <= keptCharactersMax) entry.json = head;
  return head;
}

/** Returns an instance as JSON without keeping it: most instances are read only by whoever renews them. */
export function instanceJson(entry: Entry): string {
  const { instance } = entry;
  return instance === undefined ? "null" : headOf(entry, instance.env) + endOfInstance(entry);
}

function headOf({ instance }: Entry, env: string): string {
  if (instance === undefined) return "null";
  const { region, zone, appid, hostname, addrs, version, metadata, status } = instance;
  const head = JSON.stringify({
    region,
    zone,
    env,
    appid,
    hostname,
    addrs,
    version,
    metadata: Object.fromEntries(metadata),
    status,
  });
  const { regTimestamp, upTimestamp, dirtyTimestamp, latestTimestamp } = instance;
  const timestamps =
    `"reg_timestamp":${regTimestamp},"up_timestamp":${upTimestamp},"dirty_timestamp":${dirtyTimestamp},` +
    `"latest_timestamp":${latestTimestamp}`;
  return `${head.slice(0, -1)},${timestamps},"renew_timestamp":`;
}

/** Yields the JSON of a service's InstanceInfo: each instance is shown as it is when its piece is created. */
export function* zonePieces(
  app: App,
  shownEnv: string | undefined,
  zone: string,
  mask: number,
): Generator<string, undefined> {
  // Copies: the table may change while the pieces are made.
  const { latest } = app;
  const zones = [...app.zones].filter(([name]) => zone === "" || name === zone);
  const lists = zones.map(([name, instances]) => ({ name, entries: [...instances.values()] }));
  let text = '{"instances":{';
  for (const { name, entries } of lists) {
    text += `${JSON.stringify(name)}:[`;
    let before = "";
    for (const entry of entries) {
      if (((entry.instance?.status ?? 0) & mask) === 0) continue;
      yield `${text}${before}${listedJson(entry, shownEnv)}`;
      text = "";
      before = ",";
    }
    text += "],";
  }
  const end = text.endsWith(",") ? text.slice(0, -1) : text;
  yield `${end}},"latest_timestamp":${latest}}`;
}

/** Returns the InstanceInfo of a service without instances. */
export function emptyView(latest: bigint): string {
  return `{"instances":{},"latest_timestamp":${latest}}`;
}
