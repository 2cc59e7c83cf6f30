// Files in an S3-compatible store. Uploads go to `uploads/ID`, by a ticket that signs their length and type: the store
// refuses others. A ticket can be used again until it expires, so a file is copied to `files/ID` when a message first
// names it: nobody has a ticket to write there, and what receivers were sent stays as it is.
//
// Requests are signed by AWS's Signature Version 4
// (https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html). Bun's own S3 client signs no
// headers in its tickets, which therefore bound neither length nor type.

import { AwsV4Signer } from "aws4fetch";
import type { Clock } from "../../base/clock.ts";
import { downloadTicketSeconds, uploadTicketSeconds } from "../../base/limits/fixed.ts";
import { reasonOf } from "../../base/reason-of.ts";
import type { MediaItem } from "../../store/media.ts";
import { contentDisposition, contentType } from "../content-headers.ts";
import { type MediaPlace, MediaUnavailable, type TicketRequest } from "../media-place.ts";
import type { S3Credentials, S3Location } from "./s3-location.ts";

const requestMsMax = 10_000;
/** A copy of some gigabytes takes its time. */
const copyMsMax = 120_000;
/** Of an answer, what is looked at. */
const answerBytesMax = 16 * 1024;

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** The beginning of the body. */
  readonly text: string;
}

export class S3Place implements MediaPlace {
  private readonly location: S3Location;
  private readonly credentials: S3Credentials;
  private readonly clock: Pick<Clock, "wallMs">;
  /** Keys of a day that the signer has derived. */
  private readonly keys = new Map<string, ArrayBuffer>();

  constructor(location: S3Location, credentials: S3Credentials, clock: Pick<Clock, "wallMs">) {
    this.location = location;
    this.credentials = credentials;
    this.clock = clock;
  }

  upload({ id, type, size }: MediaItem): Promise<TicketRequest> {
    // A browser sets the length by itself, and lets no page do it.
    return this.ticket("PUT", `uploads/${id}`, uploadTicketSeconds, {
      signed: { "content-type": type, "content-length": `${size}` },
      given: { "content-type": type },
    });
  }

  download(item: MediaItem): Promise<TicketRequest> {
    return this.ticket("GET", `files/${item.id}`, downloadTicketSeconds, {
      query: {
        "response-content-disposition": contentDisposition(item),
        "response-content-type": contentType(item),
      },
    });
  }

  async settle({ id, type, size }: MediaItem): Promise<boolean> {
    // A process may have died after the copy.
    if ((await this.head(`files/${id}`)) !== undefined) return true;
    const uploaded = await this.head(`uploads/${id}`);
    if (uploaded === undefined) return false;
    const [length, given] = [uploaded.get("content-length"), uploaded.get("content-type")];
    if (Number(length) !== size || given?.toLowerCase() !== type) return false;
    const etag = uploaded.get("etag");
    const copied = await this.request("PUT", `files/${id}`, copyMsMax, {
      "x-amz-copy-source": `/${this.location.bucket}/${this.location.prefix}uploads/${id}`,
      ...(etag !== null && { "x-amz-copy-source-if-match": etag }),
    });
    // The upload was replaced in between: the next try looks at what is there then.
    if (copied.status === 412) return false;
    // A copy that fails late is answered 200, with an error as its body.
    if (copied.status !== 200 || !copied.text.includes("CopyObjectResult")) throw this.refused("PUT", copied);
    // No file is kept twice for as long as its messages; nobody waits for it, and `remove` does it again.
    void this.request("DELETE", `uploads/${id}`, requestMsMax).catch(() => undefined);
    return true;
  }

  async remove(id: string): Promise<void> {
    for (const key of [`uploads/${id}`, `files/${id}`]) {
      const answer = await this.request("DELETE", key, requestMsMax);
      if (answer.status !== 204 && answer.status !== 200 && answer.status !== 404) throw this.refused("DELETE", answer);
    }
  }

  /** Rejects with MediaUnavailable unless the bucket can be read; for a start, which does not wait for it. */
  async probe(): Promise<void> {
    await this.head("files/probe");
  }

  private async head(key: string): Promise<Headers | undefined> {
    const answer = await this.request("HEAD", key, requestMsMax);
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw this.refused("HEAD", answer);
    return answer.headers;
  }

  private async ticket(
    method: TicketRequest["method"],
    key: string,
    seconds: number,
    {
      signed = {},
      given = {},
      query = {},
    }: {
      /** Headers that the request has to have as they are here. */
      readonly signed?: Record<string, string>;
      /** Those of them that a client has to set. */
      readonly given?: Record<string, string>;
      readonly query?: Record<string, string>;
    },
  ): Promise<TicketRequest> {
    const url = this.urlOf(key);
    url.search = new URLSearchParams({ ...query, "X-Amz-Expires": `${seconds}` }).toString();
    const expiresAt = Math.floor(this.clock.wallMs() / 1000) + seconds;
    const { url: signedUrl } = await this.signed({ method, url, headers: signed, isTicket: true });
    // What is signed is percent-encoded; a form's encoding of blanks and stars means the same to some stores only.
    const search = signedUrl.search.replaceAll("+", "%20").replaceAll("*", "%2A");
    return { method, url: `${signedUrl.origin}${signedUrl.pathname}${search}`, headers: given, expiresAt };
  }

  private async request(
    method: string,
    key: string,
    timeoutMs: number,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const request = await this.signed({ method, url: this.urlOf(key), headers, isTicket: false });
    try {
      const response = await fetch(request.url.href, {
        method,
        headers: request.headers,
        redirect: "manual",
        signal: AbortSignal.timeout(timeoutMs),
      });
      return { status: response.status, headers: response.headers, text: await beginningOf(response) };
    } catch (error) {
      throw new MediaUnavailable(`${this.name} does not answer: ${reasonOf(error)}`, { cause: error });
    }
  }

  private signed({
    method,
    url,
    headers,
    isTicket,
  }: {
    readonly method: string;
    readonly url: URL;
    readonly headers: Record<string, string>;
    readonly isTicket: boolean;
  }) {
    const { accessKeyId, secretAccessKey, sessionToken } = this.credentials;
    // A key of each day is kept; those of former days are not asked for.
    if (this.keys.size > 2) this.keys.clear();
    return new AwsV4Signer({
      method,
      url: url.href,
      headers,
      accessKeyId,
      secretAccessKey,
      ...(sessionToken !== undefined && { sessionToken }),
      service: "s3",
      region: this.location.region,
      cache: this.keys,
      datetime: new Date(this.clock.wallMs()).toISOString().replaceAll(/[:-]|\.\d{3}/g, ""),
      signQuery: isTicket,
      allHeaders: true,
    }).sign();
  }

  private urlOf(key: string): URL {
    const { endpoint, bucket, prefix } = this.location;
    return new URL(`${endpoint}/${bucket}/${prefix}${key}`);
  }

  private get name(): string {
    return `the store of files ${this.location.endpoint}/${this.location.bucket}`;
  }

  private refused(method: string, { status, text }: Answer): MediaUnavailable {
    const code = /<Code>([A-Za-z0-9.]{1,60})<\/Code>/.exec(text)?.[1] ?? "";
    return new MediaUnavailable(`${this.name} answers ${status} ${code} to ${method}`.replace("  ", " "));
  }
}

/** Reads at most `answerBytesMax` of a body, and does not wait for the rest. */
async function beginningOf(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  if (reader === undefined) return "";
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  while (bytes < answerBytesMax) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    bytes += value.length;
  }
  await reader.cancel();
  return Buffer.concat(chunks).toString("utf8", 0, answerBytesMax);
}
