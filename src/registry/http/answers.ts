// The API's answers. Business results come with HTTP status 200 and a code in the body: clients take any other status for
// a broken transport. Timestamps are written as whole numbers, which no JSON library of a double's precision may touch.

import type { Entry } from "../entry.ts";
import { discoveryAppid } from "../instance.ts";
import type { Code } from "../registrar.ts";
import type { App } from "../table.ts";

const jsonType = "application/json; charset=utf-8";

/** A piece of an answer that is made as it is read; one instance more may be in it. */
const pieceCharactersMin = 64 * 1024;

/** A body for a code. */
export function answer(body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>, code: Code): Response {
  return new Response(body, { headers: { "content-type": jsonType, "kratos-status-code": String(code) } });
}

/** The usual envelope; `data` is JSON, or undefined for none. */
export function envelope(code: Code, message: string | undefined, data?: string, isStale = false): Response {
  const text = message === undefined ? `"${code}"` : JSON.stringify(message);
  const shown = data === undefined ? "" : `,"data":${data}`;
  return answer(`{"code":${code},"message":${text},"ttl":1${shown}${endOf(isStale)}`, code);
}

/**
 * The envelope of data that may be large: each piece is made when the reader has taken those before it, so that a slow one
 * costs no more than a piece, and one that goes away nothing. What `data` throws is told to `bugMet`, since the answer has
 * begun, and nobody above hears of it; its connection is cut, so that nobody takes it for whole.
 */
export function pieceByPiece(
  code: Code,
  data: Iterator<string>,
  isStale: boolean,
  bugMet: (error: unknown) => void,
): Response {
  const encoder = new TextEncoder();
  let text = `{"code":${code},"message":"${code}","ttl":1,"data":`;
  const makePiece = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    while (text.length < pieceCharactersMin) {
      const { value, done } = data.next();
      if (done !== true) {
        text += value;
        continue;
      }
      controller.enqueue(encoder.encode(text + endOf(isStale)));
      controller.close();
      return;
    }
    controller.enqueue(encoder.encode(text));
    text = "";
  };
  const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    try {
      makePiece(controller);
    } catch (error) {
      bugMet(error);
      controller.error(error);
    }
  };
  return answer(new ReadableStream<Uint8Array>({ pull }), code);
}

const endOf = (isStale: boolean): string => `${isStale ? ',"stale":true' : ""}}`;

/** Not found, wrong method: in plain text, with an HTTP status, as a client that uses a wrong URL deserves. */
export function plain(status: number, text: string, headers: Record<string, string> = {}): Response {
  return new Response(text, { status, headers: { "content-type": "text/plain; charset=utf-8", ...headers } });
}

/** An instance as a list shows it; `env` is what the reader asked for. What is listed is listed often, and kept. */
function listedJson(entry: Entry, env: string | undefined): string {
  const { instance } = entry;
  if (instance === undefined) return "null";
  const isElsewhere = env !== undefined && env !== instance.env;
  const head = isElsewhere ? headOf(entry, env) : (entry.json ??= headOf(entry, instance.env));
  return `${head}${entry.renewTimestamp}}`;
}

/** An instance as JSON, made for this once: most are shown to those only who renew them. */
export function instanceJson(entry: Entry): string {
  const { instance } = entry;
  return instance === undefined ? "null" : `${headOf(entry, instance.env)}${entry.renewTimestamp}}`;
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
  return `${head.slice(0, -1)},"reg_timestamp":${regTimestamp},"up_timestamp":${upTimestamp},"dirty_timestamp":${dirtyTimestamp},"latest_timestamp":${latestTimestamp},"renew_timestamp":`;
}

/** What a reader of a service is given. */
export interface AppView {
  /** The InstanceInfo as JSON. */
  readonly json: string;
  /** Instances in it. */
  readonly count: number;
}

/** A service's instances whose status is in `mask`, in one zone or (with '') in all. */
export function appView(app: App, env: string, zone: string, mask: number): AppView {
  const shownEnv = app.key.endsWith(`\n${discoveryAppid}`) ? env : undefined;
  const zones: string[] = [];
  let count = 0;
  for (const [name, instances] of app.zones) {
    if (zone !== "" && name !== zone) continue;
    const list: string[] = [];
    for (const entry of instances.values()) {
      if (((entry.instance?.status ?? 0) & mask) !== 0) list.push(listedJson(entry, shownEnv));
    }
    count += list.length;
    zones.push(`${JSON.stringify(name)}:[${list.join(",")}]`);
  }
  return { json: `{"instances":{${zones.join(",")}},"latest_timestamp":${app.latest}}`, count };
}

/** A service that has no instances. */
export function emptyView(latest: bigint): string {
  return `{"instances":{},"latest_timestamp":${latest}}`;
}
