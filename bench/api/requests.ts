// Requests to the HTTP API, as a back end makes them.

import type { ApiAddress } from "../server/target.ts";

const waitMsMax = 30_000;

/** A method with its JSON, as bytes for a connection that is kept alive. */
export function apiRequest({ key }: ApiAddress, method: string, request: object): Buffer {
  const body = JSON.stringify(request);
  const head = [
    `POST /roost.v1.${method} HTTP/1.1`,
    "host: localhost",
    `authorization: Bearer ${key}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  return Buffer.from(`${head.join("\r\n")}\r\n\r\n${body}`);
}

/** Calls a method once; returns its answer. Throws what the server says. */
export async function callApi(api: ApiAddress | undefined, method: string, request: object): Promise<unknown> {
  if (api === undefined) throw new Error("the server has no API");
  const answer = await fetch(`http://127.0.0.1:${api.port}/roost.v1.${method}`, {
    method: "POST",
    headers: { authorization: `Bearer ${api.key}`, "content-type": "application/json" },
    body: JSON.stringify(request),
    signal: AbortSignal.timeout(waitMsMax),
  });
  if (!answer.ok) throw new Error(`${method}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}
