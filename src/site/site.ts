// The web chat at the address of a WebSocket listener: `/` is the page, `/web/` has its files, and what else a browser
// asks for is not for it. All references in it are relative, so that a proxy may serve it under a prefix, such as
// `/chat/`, that it cuts off.
//
// The files are read when the first browser asks: a start and a WebSocket cost what they cost without them.

import { reasonOf } from "../base/reason-of.ts";
import type { RareLog } from "../base/rare-log.ts";
import { parseHost } from "../transport/http/request-head.ts";
import type { Pages } from "../transport/page-requests.ts";
import { siteBodyBytesMax } from "./bounded-text.ts";
import { allHeaders, pageHeaders } from "./policy.ts";
import { acceptedForm, type Encoding, readSiteFiles, type SiteFile, type SiteFiles } from "./site-files.ts";
import { noAccounts, type TestAccounts } from "./test-accounts.ts";

const folder = "/web/";
const index = "index.html";
const accountPath = "/web/account";

interface SiteParts {
  /** Origins besides this one that have files of messages. */
  readonly mediaOrigins: readonly string[];
  readonly rareLog: RareLog;
  /** Undefined: this server gives none. */
  readonly accounts?: Pick<TestAccounts, "answer"> | undefined;
  /** Default: those of this program. */
  readonly files?: () => Promise<SiteFiles>;
}

export class Site implements Pages {
  /** More than is taken: a body that is a little too long is told so. */
  readonly bodyBytesMax = 16 * siteBodyBytesMax;
  private readonly parts: SiteParts;
  private reading: Promise<SiteFiles> | undefined;

  constructor(parts: SiteParts) {
    this.parts = parts;
  }

  /** Answers a request for `/` or what is under `/web/`; undefined for all others. Never rejects. */
  answer(request: Request, remoteAddress: string): Promise<Response> | undefined {
    // The platform makes the URL of a Host that it does not check: a part of it could be taken for the path.
    if (parseHost(request.headers.get("host") ?? "") === undefined) return undefined;
    const path = URL.parse(request.url)?.pathname;
    if (path !== "/" && path?.startsWith(folder) !== true) return undefined;
    const answer = path === accountPath ? this.account(request, remoteAddress) : this.file(request, path);
    return answer.catch((error: unknown) => {
      this.parts.rareLog.error("the web chat cannot be served", { reason: reasonOf(error) });
      return sentence(500, "The web chat cannot be served; the server's log says why.");
    });
  }

  private async account(request: Request, remoteAddress: string): Promise<Response> {
    return this.parts.accounts?.answer(request, remoteAddress) ?? noAccounts();
  }

  private async file(request: Request, pathname: string): Promise<Response> {
    const { method, headers } = request;
    const path = pathname === "/" ? index : pathname.slice(1);
    if (method !== "GET" && method !== "HEAD") return sentence(405, "This is read with GET.", { allow: "GET, HEAD" });
    const files = await this.files();
    const file = files.get(path);
    // Files are named after their content: a page that was loaded before an upgrade may ask for one that is no more.
    const form = file && acceptedForm(file, headers.get("accept-encoding"));
    if (file === undefined || form === undefined) return sentence(404, "There is no such file; load the page again.");
    const [encoding, bytes] = form;
    const isPage = path === index;
    const fields: Record<string, string> = {
      ...(isPage ? pageHeaders(headers.get("host"), this.parts.mediaOrigins) : allHeaders),
      "cache-control": isPage ? "no-cache" : "public, max-age=31536000, immutable",
      etag: tagOf(file, encoding),
      vary: isPage ? "Accept-Encoding, Accept-Language" : "Accept-Encoding",
    };
    const texts = isPage ? textsFor(headers.get("accept-language"), files) : undefined;
    if (texts !== undefined) fields["link"] = `<./${texts}>; rel=modulepreload`;
    if (isKnown(headers.get("if-none-match"), fields["etag"] ?? ""))
      return new Response(null, { status: 304, headers: fields });
    fields["content-type"] = file.type;
    fields["content-length"] = `${bytes.length}`;
    if (encoding !== "identity") fields["content-encoding"] = encoding;
    return new Response(method === "HEAD" ? null : bytes, { headers: fields });
  }

  /** Those that were read before; a failure is forgotten, and read again. */
  private files(): Promise<SiteFiles> {
    this.reading ??= (this.parts.files ?? readSiteFiles)().catch((error: unknown) => {
      this.reading = undefined;
      throw error;
    });
    return this.reading;
  }
}

function sentence(status: number, text: string, headers: Record<string, string> = {}): Response {
  return new Response(`${text}\n`, { status, headers: { ...allHeaders, "cache-control": "no-store", ...headers } });
}

/**
 * The texts that the page will ask for, unless its reader has chosen another language than the browser's: a browser
 * that is told of them loads them beside the page's script, and not after it.
 */
function textsFor(acceptLanguage: string | null, files: SiteFiles): string | undefined {
  const name = /^zh\b/i.test(acceptLanguage ?? "") ? "chinese" : "english";
  return files.keys().find((path) => path.startsWith(`web/${name}-`));
}

/** A strong tag: each form has its own (RFC 9110, 8.8.3.3). */
function tagOf({ hash }: SiteFile, encoding: Encoding): string {
  return `"${hash}-${encoding}"`;
}

/** Reports whether If-None-Match (RFC 9110, 13.1.2) names the form. */
function isKnown(ifNoneMatch: string | null, tag: string): boolean {
  const known = (ifNoneMatch ?? "").split(",").map((part) => part.trim().replace(/^W\//, ""));
  return known.includes(tag) || known.includes("*");
}
