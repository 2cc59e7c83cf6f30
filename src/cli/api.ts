// roost api: calls the HTTP API for back ends from a terminal, with the key in the data folder; lists its methods, and
// what they take.

import { create, toJson } from "@bufbuild/protobuf";
import { type ApiMethod, apiMethods } from "../api/description/methods.ts";
import { didYouMean } from "../base/did-you-mean.ts";
import { apiRequestBytesMax } from "../base/limits/fixed.ts";
import { escaped, quotedText } from "../base/printable.ts";
import { callMethod } from "./api/call.ts";
import { checkedRequest } from "./api/check-request.ts";
import { fieldLines, methodLines } from "./api/listing.ts";
import { placeOf } from "./api/place.ts";
import { printLines } from "./command-output.ts";
import type { OptionValues } from "./option-values.ts";
import { UsageError } from "./usage-error.ts";
import { version } from "./version.ts";

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
  const [named = "", text] = values.operands;
  const method = methodOf(named);
  if (method === undefined) {
    const methods = methodsWith(named);
    if (text !== undefined)
      throw new UsageError(`${quotedText(named)} is no method of the API, but begins the names of ${methods.length}`);
    await printLines(methodLines(methods));
    return 0;
  }
  if (values.required("fields")) {
    await printLines(fieldLines(method));
    return 0;
  }
  const request = requestOf(method, text === "-" ? await standardInput() : (text ?? "{}"), values);
  await callMethod(placeOf(values), method, request, async (json) => printLines(shown(json, method)));
  return 0;
}

/** The method of this name; names are compared without regard to case, as one types them. */
function methodOf(named: string): ApiMethod | undefined {
  const [name = ""] = namesWith(named).filter(({ length }) => length === named.length);
  return apiMethods.get(name);
}

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
function shown(json: string, { desc, isStream }: ApiMethod): string[] {
  const answer: unknown = JSON.parse(json);
  // What is 0, false or empty is absent from JSON: `{}` would say nothing.
  if (json === "{}") return jsonLines(toJson(desc.output, create(desc.output), { alwaysEmitImplicit: true }), 2);
  return jsonLines(answer, isStream ? 0 : 2);
}

function jsonLines(value: unknown, indent: number): string[] {
  return JSON.stringify(value, undefined, indent).split("\n").map(escaped);
}
