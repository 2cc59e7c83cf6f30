// What the HTTP API says of itself, without a key: GET /openapi.json, and the page at GET /docs and GET /. Made at the
// first request, then kept.

import { docsPage, docsPolicy } from "./docs-page.ts";
import { openapiDocument } from "./openapi.ts";

/** A document, as it is sent. */
interface Held {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly etag: string;
}

/** Stands in the page for the address by which its reader reaches the server, which the request tells. */
const originMark = "{origin}";
/** Pages are kept by that address; of more than so many the first ones are dropped. */
const pagesMax = 8;
/** What a Host header may be: anything else is not repeated in a page. */
const hostPattern = /^(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?$/;

const commonHeaders = {
  "cache-control": "no-cache",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
};

/** Answers requests for the descriptions. */
export class Descriptions {
  private readonly version: string;
  private openapi: Held | undefined;
  /** What stands between the places of the address. */
  private pageParts: readonly string[] | undefined;
  /** By the origin that they name. */
  private readonly pages = new Map<string, Held>();

  /** @param version the server's */
  constructor(version: string) {
    this.version = version;
  }

  /** The answer to a GET or HEAD of the path of a description; undefined if the request is for something else. */
  answer(request: Request, path: string): Response | undefined {
    if (request.method !== "GET" && request.method !== "HEAD") return undefined;
    switch (path) {
      case "/openapi.json":
        return answerWith(request, this.document(), "application/json; charset=utf-8", {
          "access-control-allow-origin": "*",
        });
      case "/":
      case "/docs":
        return answerWith(request, this.page(originOf(request)), "text/html; charset=utf-8", {
          "content-security-policy": docsPolicy,
          "x-frame-options": "DENY",
        });
      default:
        return undefined;
    }
  }

  private document(): Held {
    return (this.openapi ??= held(JSON.stringify(openapiDocument(this.version))));
  }

  private page(origin: string): Held {
    const known = this.pages.get(origin);
    if (known !== undefined) return known;
    this.pageParts ??= docsPage(this.version, originMark).split(originMark);
    const page = held(this.pageParts.join(origin));
    const [first] = this.pages.keys();
    if (first !== undefined && this.pages.size >= pagesMax) this.pages.delete(first);
    this.pages.set(origin, page);
    return page;
  }
}

/** How the reader reaches the server, also through a proxy that has the certificate. */
function originOf(request: Request): string {
  const url = new URL(request.url);
  const host = request.headers.get("host") ?? "";
  const isSecure = url.protocol === "https:" || request.headers.get("x-forwarded-proto") === "https";
  return `${isSecure ? "https" : "http"}://${hostPattern.test(host) ? host : url.host}`;
}

function held(text: string): Held {
  const body = new TextEncoder().encode(text);
  return { body, etag: `"${new Bun.CryptoHasher("sha256").update(body).digest("hex").slice(0, 32)}"` };
}

function answerWith(request: Request, { body, etag }: Held, type: string, more: Record<string, string>): Response {
  const headers = { ...commonHeaders, ...more, etag, "content-type": type };
  const asked = request.headers.get("if-none-match");
  const isKnown = asked?.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag || tag.trim() === "*");
  if (isKnown === true) return new Response(null, { status: 304, headers });
  // Bun leaves the body out of the answer to HEAD, and tells its length.
  return new Response(body, { headers });
}
