// roost api: calls the HTTP API for back ends from a terminal, with the key in the data folder; lists its methods, and
// what they take.

import { join, resolve } from "node:path";
import { type ApiMethod, apiMethods } from "../api/description/methods.ts";
import { didYouMean } from "../base/did-you-mean.ts";
import { apiKeyCharactersMax, apiRequestBytesMax } from "../base/limits/fixed.ts";
import { escaped, quotedText } from "../base/printable.ts";
import { readSmallFile, UnreadableFile } from "../base/small-file.ts";
import { formatAddress } from "../transport/address.ts";
import { type ApiPlace, callMethod } from "./api/call.ts";
import { checkedRequest } from "./api/check-request.ts";
import { fieldLines, methodLines } from "./api/listing.ts";
import { printLines } from "./command-output.ts";
import type { OptionValues } from "./option-values.ts";
import { readServerAuthorities } from "./tls.ts";
import { StartError, UsageError } from "./usage-error.ts";
import { version } from "./version.ts";

/** The file in the data folder with the key that a standalone server makes for its operator. */
const keyFileName = "api-key";

/** Calls the method, or lists methods; resolves with the exit status. Throws StartError, UsageError. */
export async function api(values: OptionValues): Promise<number> {
  const prefix = values.optional("complete");
  if (prefix !== undefined) {
    await printLines(namesWith(prefix));
    return 0;
  }
  if (values.required("openapi")) {
    const { openapiDocument } = await import("../api/description/openapi.ts");
    await printLines(jsonLines(openapiDocument(version), 2));
    return 0;
  }
  const [named = "", text = "{}"] = values.operands;
  const method = apiMethods.get(named);
  if (method === undefined) {
    await printLines(methodLines(methodsWith(named)));
    return 0;
  }
  if (values.required("fields")) {
    await printLines(fieldLines(method));
    return 0;
  }
  const request = requestOf(method, text === "-" ? await standardInput() : text, values);
  await callMethod(placeOf(values), method, request, async (json) => printLines(shown(json, method)));
  return 0;
}

/** Names are compared without regard to case, as one types them. */
function namesWith(prefix: string): string[] {
  return [...apiMethods.keys()].filter((name) => name.toLowerCase().startsWith(prefix.toLowerCase()));
}

function methodsWith(prefix: string): readonly ApiMethod[] {
  const names = namesWith(prefix);
  if (names.length === 0)
    throw new UsageError(
      `the API has no method ${quotedText(prefix)}${didYouMean(prefix, apiMethods.keys())}; roost api lists them`,
    );
  return names.flatMap((name) => apiMethods.get(name) ?? []);
}

/** The checked request, as JSON. `--app` is added unless the request names an app itself. */
function requestOf({ desc }: ApiMethod, text: string, values: OptionValues): string {
  const request = checkedRequest(desc.input, text);
  const isGiven = typeof request === "object" && request !== null && "app" in request;
  if (isGiven || !values.isGiven("app")) return JSON.stringify(request);
  return JSON.stringify(Object.assign({}, request, { app: values.required("app") }));
}

async function standardInput(): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of Bun.stdin.stream()) {
    length += part.length;
    if (length > apiRequestBytesMax)
      throw new UsageError(`standard input has more than ${apiRequestBytesMax} bytes; send it in several requests`);
    parts.push(part);
  }
  return Buffer.concat(parts, length).toString();
}

/** An answer is indented; a message of a stream is one line. */
function shown(json: string, { isStream }: ApiMethod): string[] {
  return jsonLines(JSON.parse(json), isStream ? 0 : 2);
}

function jsonLines(value: unknown, indent: number): string[] {
  return JSON.stringify(value, undefined, indent).split("\n").map(escaped);
}

function placeOf(values: OptionValues): ApiPlace {
  const [url = localUrl(values), second] = values.optional("url") ?? [];
  if (second !== undefined || !url.startsWith("http"))
    throw new UsageError(`${values.sourceOf("url")}: expected one http:// or https:// URL, that of the API`);
  const ca = values.optional("ca");
  return {
    url: url.replace(/\/+$/, ""),
    key: keyOf(values),
    ca: ca === undefined ? undefined : readServerAuthorities(ca),
  };
}

/** The URL of the API on this machine. */
function localUrl(values: OptionValues): string {
  const address = values.optional("api");
  if (address === undefined)
    throw new UsageError(`${values.sourceOf("api")} is off: this server has no API; name another with --url`);
  const { host, port } = address;
  const reached = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `http://${formatAddress(reached, port)}`;
}

/** The key that --key or a file holds. No message shows it. */
function keyOf(values: OptionValues): string {
  const given = values.optional("key");
  const file = values.optional("key-file");
  if (given !== undefined && file !== undefined)
    throw new UsageError(`${values.sourceOf("key")} and ${values.sourceOf("key-file")} are both given; keep one`);
  if (given !== undefined) return checkedKey(given, values.sourceOf("key"));
  const path = file ?? join(resolve(values.required("data")), keyFileName);
  try {
    return checkedKey(readSmallFile(path, { bytesMax: 2 * apiKeyCharactersMax, waits: true }).text.trim(), path);
  } catch (error) {
    if (!(error instanceof UnreadableFile)) throw error;
    const help = file === undefined ? "; start the server first, or name its folder with --data, or a --key-file" : "";
    throw new StartError(`${error.message}${help}`);
  }
}

function checkedKey(text: string, source: string): string {
  if (!/^rk_[A-Za-z0-9]{16,}$/.test(text) || text.length > apiKeyCharactersMax)
    throw new StartError(`${source} holds no key of the HTTP API; expected one that roost key create prints: rk_…`);
  return text;
}
