// Answers the addresses of files in the folder (media-url.ts), on whatever listener: uploads, which are checked while
// they are read, and downloads, with ranges. There is no list of files, and an address without a valid signature says
// nothing of what is there.
//
// Bounds: an upload holds one chunk of its body at a time; `uploadsMax` are read at once, and `uploadsOfOwnerMax` of
// one owner. An upload ends when its ticket does. When all places are taken, the oldest upload of whoever has the most
// makes room for who has fewer, or else one that makes no progress: some who send slowly keep nobody else out, however
// many accounts they have.

import { constants } from "node:fs";
import { type FileHandle, link, open, stat, unlink } from "node:fs/promises";
import type { Clock } from "../../base/clock.ts";
import { reasonOf } from "../../base/reason-of.ts";
import type { RareLog } from "../../base/rare-log.ts";
import { contentDisposition, contentType } from "../content-headers.ts";
import { byteRange } from "./byte-range.ts";
import { type FolderPlace, isMissing } from "./folder-place.ts";
import { type Grant, grantOf, mediaPath } from "./media-url.ts";

const uploadsMax = 64;
const uploadsOfOwnerMax = 16;
/** An upload of which fewer bytes arrive in `progressMs` makes no progress. */
const progressBytesMin = 256 * 1024;
const progressMs = 10_000;
/** What a browser may keep a file for, in seconds: the file never changes, but its address ends. */
const cachedSeconds = 600;

/** Of all answers. The address is the right to use it, whatever page asks: nothing else is in a request. */
const allHeaders = {
  "access-control-allow-origin": "*",
  "cross-origin-resource-policy": "cross-origin",
  "content-security-policy": "default-src 'none'; sandbox",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
} as const;

type Upload = Extract<Grant, { op: "put" }>;
type Download = Extract<Grant, { op: "get" }>;

/** An upload that is under way. */
class Reception {
  readonly owner: string;
  readonly end = new AbortController();
  /** When it began, or has made progress last, on the monotonic clock. */
  progressAtMs: number;
  private bytesSince = 0;

  constructor(owner: string, nowMs: number) {
    this.owner = owner;
    this.progressAtMs = nowMs;
  }

  received(bytes: number, nowMs: number): void {
    this.bytesSince += bytes;
    if (this.bytesSince < progressBytesMin) return;
    this.bytesSince = 0;
    this.progressAtMs = nowMs;
  }
}

/** The request is refused with this answer. */
class Refused extends Error {
  readonly answer: Response;

  constructor(status: number, sentence: string, headers: Record<string, string> = {}) {
    super(sentence);
    this.answer = answerOf(status, `${sentence}\n`, headers);
  }
}

function answerOf(status: number, text: string, headers: Record<string, string> = {}): Response {
  const close: Record<string, string> = status >= 400 ? { connection: "close" } : {};
  return new Response(text === "" ? null : text, {
    status,
    headers: { ...allHeaders, "cache-control": "no-store", ...close, ...headers },
  });
}

export class FolderServer {
  private readonly place: FolderPlace;
  private readonly clock: Pick<Clock, "wallMs" | "monotonicMs">;
  private readonly rareLog: RareLog;
  /** By the ids that are being uploaded, the oldest first. */
  private readonly uploads = new Map<string, Reception>();

  constructor(place: FolderPlace, clock: Pick<Clock, "wallMs" | "monotonicMs">, rareLog: RareLog) {
    this.place = place;
    this.clock = clock;
    this.rareLog = rareLog;
  }

  /**
   * Answers a request for a path under /media/; undefined for all others. Never rejects. `admitted` is called if its
   * ticket is valid.
   */
  answer(request: Request, admitted: () => void = () => undefined): Promise<Response> | undefined {
    // The platform makes the URL of a Host that it does not check.
    if (!URL.canParse(request.url)) return undefined;
    const url = new URL(request.url);
    if (!url.pathname.startsWith(mediaPath)) return undefined;
    return this.granted(request, url, admitted).catch((error: unknown) => {
      if (error instanceof Refused) return error.answer;
      this.rareLog.warn("a file could not be read or written", { reason: reasonOf(error) });
      return answerOf(500, "The server failed; try again later.\n");
    });
  }

  private async granted(request: Request, url: URL, admitted: () => void): Promise<Response> {
    const { method } = request;
    if (method === "OPTIONS")
      return answerOf(204, "", {
        "access-control-allow-methods": "GET, HEAD, PUT",
        "access-control-allow-headers": "content-type, range",
        "access-control-max-age": "86400",
      });
    const grant = grantOf(this.place.key, url);
    if (grant === undefined) throw new Refused(403, "This address was not given out by this server.");
    if (this.hasExpired(grant)) throw new Refused(403, "This ticket has expired; ask for another.");
    admitted();
    if (grant.op === "put" && method === "PUT") return this.upload(request, grant);
    if (grant.op === "get" && (method === "GET" || method === "HEAD")) return this.download(request, grant);
    const allow = grant.op === "put" ? "PUT" : "GET, HEAD";
    throw new Refused(405, `This ticket is for ${allow}.`, { allow });
  }

  private hasExpired({ until }: Grant): boolean {
    return until * 1000 <= this.clock.wallMs();
  }

  private async download(request: Request, grant: Download): Promise<Response> {
    const path = this.place.pathOf(grant.id);
    const size = await stat(path).then(
      (stats) => stats.size,
      (error: unknown) => {
        if (isMissing(error)) throw new Refused(404, "The file was removed.");
        throw error;
      },
    );
    const headers: Record<string, string> = {
      ...allHeaders,
      "accept-ranges": "bytes",
      "access-control-expose-headers": "content-disposition, content-length, content-range",
      "cache-control": `private, max-age=${cachedSeconds}, immutable`,
      "content-type": contentType(grant),
      "content-disposition": contentDisposition(grant),
      etag: `"${grant.id}"`,
    };
    const ifRange = request.headers.get("if-range");
    const isSame = ifRange === null || ifRange === headers["etag"];
    const range = isSame ? byteRange(request.headers.get("range"), size) : undefined;
    if (range === "unsatisfiable")
      return new Response(null, { status: 416, headers: { ...headers, "content-range": `bytes */${size}` } });
    const { start, end } = range ?? { start: 0, end: size };
    headers["content-length"] = `${end - start}`;
    if (range !== undefined) headers["content-range"] = `bytes ${start}-${end - 1}/${size}`;
    const body = request.method === "HEAD" ? null : Bun.file(path).slice(start, end);
    return new Response(body, { status: range === undefined ? 200 : 206, headers });
  }

  private async upload(request: Request, grant: Upload): Promise<Response> {
    const { id, by, size, type } = grant;
    const given = request.headers.get("content-type")?.toLowerCase() ?? "";
    if (given !== type)
      throw new Refused(415, `The ticket is for ${type}, and the request has the Content-Type "${given}".`);
    const declared = request.headers.get("content-length");
    if (declared !== null && Number(declared) !== size)
      throw new Refused(413, `The ticket is for ${size} bytes, and the request has ${declared}.`);
    if (this.uploads.has(id)) throw new Refused(409, "This file is being uploaded already.");
    if (!this.hasRoomFor(by))
      throw new Refused(503, "Too many files are being uploaded; try again soon.", { "retry-after": "5" });
    const reception = new Reception(by, this.clock.monotonicMs());
    this.uploads.set(id, reception);
    try {
      await this.receive(request, grant, reception);
    } finally {
      if (this.uploads.get(id) === reception) this.uploads.delete(id);
    }
    return answerOf(201, "");
  }

  /** Ends another upload if that is needed, and just. */
  private hasRoomFor(owner: string): boolean {
    const counts = new Map<string, number>();
    for (const each of this.uploads.values()) counts.set(each.owner, (counts.get(each.owner) ?? 0) + 1);
    const own = counts.get(owner) ?? 0;
    if (own >= uploadsOfOwnerMax) return false;
    if (this.uploads.size < uploadsMax) return true;
    const most = Math.max(...counts.values());
    const uploads = [...this.uploads];
    const ending = most > own + 1 ? uploads.find(([, { owner: of }]) => counts.get(of) === most) : this.idlest(uploads);
    if (ending === undefined) return false;
    const [id, { end }] = ending;
    this.uploads.delete(id);
    end.abort();
    return true;
  }

  /** The upload that has made no progress for the longest time; undefined if all have made some lately. */
  private idlest(uploads: readonly [string, Reception][]): [string, Reception] | undefined {
    const [first] = uploads.toSorted(([, one], [, other]) => one.progressAtMs - other.progressAtMs);
    return first !== undefined && this.clock.monotonicMs() - first[1].progressAtMs >= progressMs ? first : undefined;
  }

  private async receive(request: Request, grant: Upload, reception: Reception): Promise<void> {
    const { id } = grant;
    if (await exists(this.place.pathOf(id))) throw new Refused(409, "This ticket was used; ask for another.");
    const draft = this.place.draftOf(id);
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const file = await open(draft, flags, 0o600).catch((error: unknown) => {
      // One that has to make room has not ended yet.
      if (isExisting(error)) throw new Refused(409, "This file is being uploaded already.");
      throw error;
    });
    try {
      try {
        await this.write(request, grant, file, reception);
        await file.sync();
      } finally {
        await file.close();
      }
      // Never over a file that is there.
      await link(draft, this.place.pathOf(id)).catch((error: unknown) => {
        if (isExisting(error)) throw new Refused(409, "This ticket was used; ask for another.");
        throw error;
      });
      this.place.syncNames();
    } finally {
      await unlink(draft);
    }
  }

  /** Writes the body, and refuses it as soon as it is too long; it must have all of its bytes when the ticket ends. */
  private async write(request: Request, grant: Upload, file: FileHandle, reception: Reception): Promise<void> {
    const { size, until } = grant;
    const end = reception.end.signal;
    const reader = request.body?.getReader();
    const wrong = (): Refused => new Refused(413, `The ticket is for exactly ${size} bytes.`);
    const leftMs = Math.max(0, until * 1000 - this.clock.wallMs()) + 1;
    const cancel = (): void => void reader?.cancel().catch(() => undefined);
    const late = setTimeout(cancel, leftMs);
    end.addEventListener("abort", cancel);
    let written = 0;
    try {
      for (;;) {
        const chunk = await reader?.read().catch(() => {
          throw new Refused(400, "The upload has ended before its last byte.");
        });
        if (chunk === undefined || chunk.done) break;
        if (written + chunk.value.length > size) throw wrong();
        reception.received(chunk.value.length, this.clock.monotonicMs());
        for (let at = 0; at < chunk.value.length;) at += (await file.write(chunk.value, at)).bytesWritten;
        written += chunk.value.length;
      }
    } finally {
      clearTimeout(late);
      // What was not read is not waited for.
      if (written < size) await reader?.cancel().catch(() => undefined);
    }
    if (written === size) return;
    if (end.aborted) throw new Refused(503, "Others need the place; try again soon.", { "retry-after": "5" });
    if (this.hasExpired(grant))
      throw new Refused(403, "This ticket has expired before the last byte; ask for another.");
    throw wrong();
  }
}

function isExisting(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EEXIST";
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
