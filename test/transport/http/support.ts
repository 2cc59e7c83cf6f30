// An HTTP server for the tests over real sockets, and requests to it as text.

import { textAnswer } from "../../../src/transport/http/http-answer.ts";
import type { HttpHandler } from "../../../src/transport/http/http-handler.ts";
import { type HttpServerLimits, type HttpServerOptions, HttpServer } from "../../../src/transport/http/http-server.ts";
import { endLater } from "../../registry/http/support.ts";
import { serverOptions } from "../../support/http-server.ts";

export const get = (path: string, ...fields: string[]): string =>
  `GET ${path} HTTP/1.1\r\n${["host: localhost", ...fields].join("\r\n")}\r\n\r\n`;
export const post = (body: string): string =>
  `POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

/** Answers with the body of a POST, and with the path of a GET. */
export const echo: HttpHandler = (request) =>
  request.method === "POST"
    ? { bytesMax: 1_000, tooLong: () => textAnswer(413, "too long"), answer: (body) => textAnswer(200, String(body)) }
    : textAnswer(200, request.path);

export function serve(
  options: Partial<Omit<HttpServerOptions, "limits">> = {},
  limits: Partial<HttpServerLimits> = {},
): { readonly server: HttpServer; readonly port: number; readonly met: string[] } {
  const met: string[] = [];
  const server = new HttpServer(
    { host: "127.0.0.1", port: 0 },
    serverOptions({ handler: echo, met: (bound, address) => void met.push(`${bound} ${address}`), ...options }, limits),
  );
  endLater(() => server.stop(0));
  return { server, port: Number(server.address.split(":").at(-1)), met };
}

export const bodies = (text: string): string[] => text.split(/HTTP\/1\.1 \d+ [^\r]*\r\n(?:[^\r]+\r\n)*\r\n/).slice(1);
