// An answer, before it is bytes on a connection.

/** The parts of a body, which other answers may share: they must not be changed. */
export type BodyParts = readonly Uint8Array[];

export interface HttpAnswer {
  readonly status: number;
  /** Further header fields; the server adds Date, Content-Length or Transfer-Encoding, and Connection. */
  readonly fields: Readonly<Record<string, string>>;
  /**
   * The body: text, complete parts, or pieces, each of which is made when the connection has taken the one before. The
   * iterator bounds their size.
   */
  readonly body: string | BodyParts | Iterator<Uint8Array, undefined>;
  /** The connection ends with this answer. */
  readonly isLast?: boolean;
  /** Sent instead if this answer would exceed a bound on unread bytes. */
  readonly instead?: HttpAnswer;
  /** Called once, when the last byte is written or the connection has ended. */
  readonly ended?: () => void;
}

/** A short text for people. */
export function textAnswer(status: number, text: string, fields: Readonly<Record<string, string>> = {}): HttpAnswer {
  return { status, fields: { "content-type": "text/plain; charset=utf-8", ...fields }, body: text };
}

/** A small value as JSON. */
export function jsonAnswer(status: number, value: unknown): HttpAnswer {
  return { status, fields: { "content-type": "application/json;charset=utf-8" }, body: JSON.stringify(value) };
}

/** True for a body of complete parts. */
export function isParts(body: HttpAnswer["body"]): body is BodyParts {
  return Array.isArray(body);
}

/** Returns the whole body of an answer as text; for tests, and for small bodies. */
export function bodyText({ body }: HttpAnswer): string {
  if (typeof body === "string") return body;
  const parts: Uint8Array[] = [];
  if (isParts(body)) parts.push(...body);
  else for (let next = body.next(); next.done !== true; next = body.next()) parts.push(next.value);
  return Buffer.concat(parts).toString();
}

const reasons: Readonly<Record<number, string>> = {
  200: "OK",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  503: "Service Unavailable",
  505: "HTTP Version Not Supported",
};

/**
 * Returns the head of an answer. `length`: of the body in bytes; undefined for a body that is chunked or, with
 * HTTP/1.0, ends with the connection. Field values must not contain line ends.
 */
export function answerHead(
  { status, fields }: HttpAnswer,
  {
    length,
    isKept,
    isCurrent,
    date,
  }: { length: number | undefined; isKept: boolean; isCurrent: boolean; date: string },
): string {
  let head = `HTTP/1.1 ${status} ${reasons[status] ?? ""}\r\n`;
  for (const [name, value] of Object.entries(fields)) head += `${name}: ${value}\r\n`;
  head += `date: ${date}\r\n`;
  if (length !== undefined) head += `content-length: ${length}\r\n`;
  else if (isCurrent) head += "transfer-encoding: chunked\r\n";
  if (!isKept) head += "connection: close\r\n";
  else if (!isCurrent) head += "connection: keep-alive\r\n";
  return `${head}\r\n`;
}
