// Answers `/api/lookup/<token>` with the gateways for a client. Pages of allowed origins may read the answer.

import { tokenCharactersMax } from "../../base/limits/fixed.ts";
import { type HttpAnswer, jsonAnswer, textAnswer } from "../../transport/http/http-answer.ts";
import type { HttpRequest } from "../../transport/http/http-handler.ts";
import type { Origins } from "../../transport/origins.ts";
import { callerAddress, lookupGateways, schemesIn } from "../lookup/lookup.ts";
import type { LookupRules } from "../lookup/lookup-file.ts";
import type { PublicGateways } from "../lookup/public-gateways.ts";
import { allows, notAllowed } from "./methods.ts";

interface LookupSource {
  readonly node: { readonly isReadable: boolean };
  readonly lookup: LookupRules | undefined;
  /** Undefined: all. */
  readonly origins?: Origins | undefined;
  /** The rules whose proxies are trusted about the client's address. */
  readonly trustedByFile: LookupRules | undefined;
  readonly gateways: PublicGateways;
  readonly metrics: { requested(name: string): void };
}

/** `path` holds the client's token, percent-encoded. */
export function lookupAnswer(request: HttpRequest, path: string, source: LookupSource): HttpAnswer {
  const answer = answerOf(request, path, source);
  return {
    ...answer,
    fields: { ...answer.fields, ...originFields(request, source.origins), "cache-control": "no-store" },
  };
}

/** Returns the fields by which a browser lets pages read the answer (Fetch, CORS protocol). */
function originFields(request: HttpRequest, origins: Origins | undefined): Readonly<Record<string, string>> {
  if (origins === undefined || origins.areAll) return { "access-control-allow-origin": "*" };
  const origin = request.header("origin");
  // The answer differs by origin, for caches that keep it in spite of no-store.
  const vary = { vary: "Origin" };
  return origin !== undefined && origins.allow(origin) ? { ...vary, "access-control-allow-origin": origin } : vary;
}

function answerOf(request: HttpRequest, path: string, source: LookupSource): HttpAnswer {
  const { node, lookup: rules, trustedByFile, gateways, metrics } = source;
  metrics.requested("lookup");
  if (source.origins?.allow(request.header("origin")) === false)
    return textAnswer(403, "pages of this origin may not ask: it is not in --allow-origins");
  // A browser sends this before some requests (Fetch, CORS-preflight request).
  if (request.method === "OPTIONS") return textAnswer(200, "", { "access-control-allow-methods": "GET, HEAD" });
  if (!allows("GET", request)) return notAllowed("GET");
  const token = decodedToken(path);
  if (token === undefined) return textAnswer(404, "404 page not found");
  if (!node.isReadable) return jsonAnswer(503, { reason: "this registry node is starting" });
  const address = callerAddress(request.remoteAddress, request.header("x-forwarded-for") ?? null, trustedByFile);
  const found = lookupGateways(token, address, rules, gateways, schemesIn(request.query));
  return jsonAnswer("reason" in found ? 503 : 200, found);
}

/** Returns the token in a path, or undefined if there is none. */
function decodedToken(path: string): string | undefined {
  if (path === "" || path.length > tokenCharactersMax || path.includes("/")) return undefined;
  try {
    return decodeURIComponent(path);
  } catch {
    // Malformed percent encoding: no such page.
    return undefined;
  }
}
