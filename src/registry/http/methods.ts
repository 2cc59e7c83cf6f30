// The HTTP methods of a path.

import { type HttpAnswer, textAnswer } from "../../transport/http/http-answer.ts";
import type { HttpRequest } from "../../transport/http/http-handler.ts";

export type Method = "GET" | "POST";

/** HEAD is answered like GET, without the body (RFC 9110, 9.3.2). */
export function allows(method: Method, request: HttpRequest): boolean {
  return request.method === method || (method === "GET" && request.method === "HEAD");
}

export function notAllowed(method: Method): HttpAnswer {
  return textAnswer(405, "Method Not Allowed", { allow: method === "GET" ? "GET, HEAD" : method });
}
