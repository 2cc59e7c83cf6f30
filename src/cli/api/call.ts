// Calls a method of the HTTP API by the Connect protocol, with JSON.

import type { ApiMethod } from "../../api/description/methods.ts";
import { quotedText } from "../../base/printable.ts";
import { codeOf, sentenceOf } from "../failure.ts";
import { StartError } from "../usage-error.ts";
import { BrokenStream, enveloped, streamedMessages } from "./stream.ts";

/** An answer is refused beyond this. */
const answerBytesMax = 64 * 1024 * 1024;
/** What a proxy or another server answers is shown up to here. */
const shownCharactersMax = 200;

/** Where the API is, and the key for it. */
export interface ApiPlace {
  /** Without a slash at its end. */
  readonly url: string;
  readonly key: string;
  /** PEM of the certificates that verify an https:// URL; undefined: by those of the system. */
  readonly ca: string | undefined;
}

/** A method refused a request; the message begins with the code, such as `aborted`. */
export class CallRefused extends StartError {
  readonly code: string;
  readonly sentence: string;

  constructor({ code, sentence }: ErrorOfCall) {
    super(sentence === "" ? code : `${code}: ${sentence}`);
    this.code = code;
    this.sentence = sentence;
  }
}

interface ErrorOfCall {
  readonly code: string;
  /** '' if it has none. */
  readonly sentence: string;
}

/**
 * Calls a method; `took` receives the JSON of the answer, or of each message of a stream. Throws CallRefused, and
 * StartError when there is no answer of a method.
 */
export async function callMethod(
  { url, key, ca }: ApiPlace,
  { path, isStream }: ApiMethod,
  request: string,
  took: (json: string) => Promise<void>,
): Promise<void> {
  const type = isStream ? "application/connect+json" : "application/json";
  let response: Response;
  try {
    response = await fetch(`${url}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": type, "connect-protocol-version": "1" },
      body: isStream ? enveloped(request) : request,
      redirect: "manual",
      ...(ca === undefined ? {} : { tls: { ca } }),
    });
  } catch (error) {
    const reason = codeOf(error) === "ECONNREFUSED" ? "nothing listens there" : sentenceOf(error);
    throw new StartError(`cannot reach the API at ${url}: ${reason}; start the server, or name its address with --url`);
  }
  if (!response.ok || response.body === null) throw failureOf(await textOf(response), response.status, url);
  if (!isStream) {
    await took(await textOf(response));
    return;
  }
  try {
    for await (const { json, isEnd } of streamedMessages(response.body)) {
      if (!isEnd) await took(json);
      else throwError(json);
    }
  } catch (error) {
    if (error instanceof BrokenStream)
      throw new StartError(`the answer of ${url} is no whole stream: ${error.message}`);
    throw error;
  }
}

async function textOf(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body ?? []) {
    length += part.length;
    if (length > answerBytesMax)
      throw new StartError(`the answer is longer than ${answerBytesMax} bytes; ask for smaller pages`);
    parts.push(part);
  }
  return Buffer.concat(parts, length).toString();
}

/** The end of a stream holds an error, or nothing. */
function throwError(json: string): void {
  const end: unknown = JSON.parse(json);
  if (typeof end !== "object" || end === null || !("error" in end)) return;
  const error = errorOf(end.error);
  if (error !== undefined) throw new CallRefused(error);
}

/** Undefined if it is no error of Connect. */
function errorOf(value: unknown): ErrorOfCall | undefined {
  if (typeof value !== "object" || value === null || !("code" in value) || typeof value.code !== "string")
    return undefined;
  const sentence = "message" in value && typeof value.message === "string" ? value.message : "";
  return { code: value.code, sentence };
}

function failureOf(text: string, status: number, url: string): StartError {
  let error: ErrorOfCall | undefined;
  try {
    error = errorOf(JSON.parse(text));
  } catch {
    // It is no JSON: no API answered.
  }
  if (error !== undefined) return new CallRefused(error);
  const shown = text === "" ? "" : `: ${quotedText(text.slice(0, shownCharactersMax))}`;
  return new StartError(`${url} answers with the status ${status}${shown}; is it the address of the HTTP API?`);
}
