// Parses the head of an HTTP/1.x request (RFC 9112). Strict where two parsers could disagree about the length or the
// host of a request: such a request is malformed, never repaired.
//
// Memory: every string is a copy; nothing refers to the bytes afterwards.

import { isIP } from "node:net";

/** Header fields of one request. */
const fieldsMax = 100;
const methodMax = 16;

/** Why a head is refused. */
interface HeadFault {
  readonly status: 400 | 431 | 501 | 505;
  /** What is wrong, for the client. */
  readonly sentence: string;
}

export interface RequestHead {
  readonly method: string;
  /** The target up to the question mark, as sent. */
  readonly path: string;
  /** The part after the question mark; '' for none. */
  readonly query: string;
  /** The host of the request; undefined for none. */
  readonly host: HostName | undefined;
  /** By name in lower case; the values of a repeated field are joined by a comma. */
  readonly fields: ReadonlyMap<string, string>;
  /** The declared length of the body in bytes, or "chunked". */
  readonly body: number | "chunked";
  /** False for HTTP/1.0. */
  readonly isCurrent: boolean;
  /** The client keeps the connection open. */
  readonly isKept: boolean;
}

/** A host as a URL or a Host field writes it. */
export interface HostName {
  /** In lower case, without brackets, port and final dot. */
  readonly name: string;
  /** It is an IP address, written as such. */
  readonly isAddress: boolean;
}

const lineEnd = Buffer.from("\r\n");
const colon = 0x3a;
const space = 0x20;
const tab = 0x09;
const carriageReturn = 0x0d;
const upperA = 0x41;
const upperZ = 0x5a;

/** Fields that a head may contain once: two parsers may choose different ones. */
const singles: ReadonlySet<string> = new Set(["host", "content-length", "transfer-encoding", "content-type", "origin"]);

/** Parses `bytes[start, end)`: the request line and the fields, without the line end of the last one. */
export function parseHead(bytes: Buffer, start: number, end: number): RequestHead | HeadFault {
  const lineAt = bytes.indexOf(lineEnd, start);
  if (lineAt === -1 || lineAt > end) return malformed("the request line has no end");
  const line = requestLine(bytes.toString("utf8", start, lineAt));
  if ("status" in line) return line;
  const fields = new Map<string, string>();
  let count = 0;
  for (let at = lineAt + 2; at < end;) {
    const next = bytes.indexOf(lineEnd, at);
    const fieldEnd = next === -1 || next > end ? end : next;
    if (++count > fieldsMax)
      return { status: 431, sentence: `too many header fields: at most ${fieldsMax} are allowed` };
    const fault = addField(fields, bytes, at, fieldEnd);
    if (fault !== undefined) return malformed(fault);
    at = fieldEnd + 2;
  }
  const named = fields.get("host");
  // A host in the target takes precedence.
  const hostText = line.authority ?? named ?? "";
  const host = hostText === "" ? undefined : parseHost(hostText);
  if (
    (hostText !== "" && host === undefined) ||
    (named !== undefined && named !== "" && parseHost(named) === undefined)
  )
    return malformed("the Host is malformed: expected a host, or host:port");
  if (named === undefined && line.isCurrent) return malformed("the Host is missing");
  const body = bodyOf(fields, line.isCurrent);
  if (typeof body === "object") return body;
  const connection = (fields.get("connection") ?? "").toLowerCase();
  const isKept = line.isCurrent ? !/\bclose\b/.test(connection) : /\bkeep-alive\b/.test(connection);
  const { method, path, query, isCurrent } = line;
  return { method, path, query, host, fields, body, isCurrent, isKept };
}

/** True if `bytes` from `start` on may begin a head: a method, as far as it has arrived. */
export function isBeginning(bytes: Buffer, start: number): boolean {
  const end = Math.min(bytes.length, start + methodMax + 1);
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === space) return at > start;
    if (byte < upperA || byte > upperZ) return byte === carriageReturn && at === start;
  }
  return end - start <= methodMax;
}

/** Parses `host` or `host:port`; undefined if it is neither. */
export function parseHost(text: string): HostName | undefined {
  const [, bracketed, plain, port] =
    /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._~!$&'()*+,;=%-]+))(?::(\d{0,5}))?$/i.exec(text) ?? [];
  if (Number(port ?? 0) > 65_535) return undefined;
  if (bracketed !== undefined)
    return isIP(bracketed) === 6 ? { name: bracketed.toLowerCase(), isAddress: true } : undefined;
  if (plain === undefined) return undefined;
  return { name: plain.toLowerCase().replace(/\.$/, ""), isAddress: isIP(plain) === 4 };
}

interface RequestLine extends Pick<RequestHead, "method" | "path" | "query" | "isCurrent"> {
  /** The host of a target that is a whole URL. */
  readonly authority: string | undefined;
}

function requestLine(text: string): RequestLine | HeadFault {
  const [, method = "", target = "", minor] = /^([A-Z]+) ([^\s\p{Cc}]+) HTTP\/1\.([01])$/u.exec(text) ?? [];
  if (minor === undefined) {
    const isOtherVersion = / HTTP\/\d(?:\.\d)?$/.test(text) && !/ HTTP\/1\.[01]$/.test(text);
    return isOtherVersion
      ? { status: 505, sentence: "unsupported version: expected HTTP/1.1" }
      : malformed("the request line is malformed");
  }
  if (method.length > methodMax) return { status: 501, sentence: "unknown method" };
  const [, authority, rest] = /^https?:\/\/([^/?#]*)(.*)$/is.exec(target) ?? [];
  const local = rest ?? target;
  const [origin = ""] = local.split("#", 1);
  if (!origin.startsWith("/") && (rest === undefined || (origin !== "" && !origin.startsWith("?"))))
    return malformed("the request target is malformed: expected a path");
  const queryAt = origin.indexOf("?");
  return {
    method,
    path: (queryAt === -1 ? origin : origin.slice(0, queryAt)) || "/",
    query: queryAt === -1 ? "" : origin.slice(queryAt + 1),
    isCurrent: minor === "1",
    authority,
  };
}

/** Adds the field in `bytes[at, end)`. Returns what is wrong with it, or undefined. */
function addField(fields: Map<string, string>, bytes: Buffer, at: number, end: number): string | undefined {
  let nameEnd = at;
  while (nameEnd < end && isTokenByte(bytes[nameEnd] ?? 0)) nameEnd++;
  if (nameEnd === at || bytes[nameEnd] !== colon) return "a header field is malformed";
  let valueAt = nameEnd + 1;
  let valueEnd = end;
  while (valueAt < valueEnd && isBlank(bytes[valueAt])) valueAt++;
  while (valueEnd > valueAt && isBlank(bytes[valueEnd - 1])) valueEnd--;
  for (let index = valueAt; index < valueEnd; index++) {
    const byte = bytes[index] ?? 0;
    if ((byte < space && byte !== tab) || byte === 0x7f) return "a header field holds a control character";
  }
  const name = bytes.toString("latin1", at, nameEnd).toLowerCase();
  const value = bytes.toString("latin1", valueAt, valueEnd);
  const known = fields.get(name);
  if (known !== undefined && singles.has(name)) return `the header field ${name} is repeated`;
  fields.set(name, known === undefined ? value : `${known}, ${value}`);
  return undefined;
}

const isBlank = (byte: number | undefined): boolean => byte === space || byte === tab;

/** The characters of a token (RFC 9110, section 5.6.2), by byte. */
const tokenBytes = new Uint8Array(256);
for (const character of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
  tokenBytes[character.charCodeAt(0)] = 1;
const isTokenByte = (byte: number): boolean => tokenBytes[byte] === 1;

function bodyOf(fields: ReadonlyMap<string, string>, isCurrent: boolean): number | "chunked" | HeadFault {
  const coding = fields.get("transfer-encoding");
  const length = fields.get("content-length");
  if (coding !== undefined) {
    if (length !== undefined || !isCurrent) return malformed("the length of the body is ambiguous");
    if (coding.toLowerCase() !== "chunked")
      return { status: 501, sentence: "unsupported transfer coding: expected chunked" };
    return "chunked";
  }
  if (length === undefined) return 0;
  if (!/^\d{1,15}$/.test(length)) return malformed("the Content-Length is malformed");
  return Number(length);
}

function malformed(sentence: string): HeadFault {
  return { status: 400, sentence };
}
