// Where the HTTP API is that a command calls, and the key for it.

import { join, resolve } from "node:path";
import { apiKeyCharactersMax } from "../../base/limits/fixed.ts";
import { readSmallFile, UnreadableFile } from "../../base/small-file.ts";
import { formatAddress } from "../../transport/address.ts";
import type { OptionValues } from "../option-values.ts";
import { readServerAuthorities } from "../tls.ts";
import { StartError, UsageError } from "../usage-error.ts";
import type { ApiPlace } from "./call.ts";

/** The file in the data folder with the key that a standalone server makes for its operator. */
const keyFileName = "api-key";

/** `urls`: those that are to name it; undefined or none: it is on this machine. Throws StartError, UsageError. */
export function placeOf(values: OptionValues, urls = values.optional("url")): ApiPlace {
  const [url = localUrl(values), second] = urls ?? [];
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
