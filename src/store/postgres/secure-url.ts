// What a database's URL says about TLS: `sslmode` and the files, in the words of PostgreSQL's own programs
// (https://www.postgresql.org/docs/current/libpq-ssl.html).

import type { SQL } from "bun";
import { isLoopbackHost } from "../../transport/address-ranges.ts";
import { readClientTls } from "../../transport/tls/client-files.ts";
import { hostUrls } from "../host-list.ts";

const modes = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] as const;
type SslMode = (typeof modes)[number];

/** The parameters of a URL about TLS. */
export const tlsParts = ["sslmode", "sslrootcert", "sslcert", "sslkey"] as const;

/** Reports whether a URL names files for TLS, which may be renewed. */
export function namesTlsFiles(url: string): boolean {
  const { searchParams } = new URL(url);
  return tlsParts.some((part) => part !== "sslmode" && searchParams.has(part));
}

/**
 * Returns the mode that a URL asks for. A file of authorities is there to verify the server by: it turns all but
 * `disable` and `verify-ca`, which leaves out the name, into verify-full. A client's certificate alone means `require`.
 * Undefined if the URL says nothing.
 * @throws Error for an unknown mode, and for a parameter about TLS that is given twice.
 */
export function sslModeOf({ searchParams }: URL): SslMode | undefined {
  const twice = tlsParts.find((part) => searchParams.getAll(part).length > 1);
  if (twice !== undefined) throw new Error(`${twice} is given twice; give it once`);
  const text = searchParams.get("sslmode");
  const mode = modes.find((each) => each === text);
  if (text !== null && mode === undefined)
    throw new Error(`sslmode ${JSON.stringify(text)} is unknown: expected ${modes.join(", ")}`);
  if (mode === "disable" || mode === "verify-ca") return mode;
  if (searchParams.has("sslrootcert")) return "verify-full";
  return mode ?? (searchParams.has("sslcert") ? "require" : undefined);
}

/**
 * Reports whether messages and the password may cross a network in plain text without the operator having said so: the
 * host, or one of them, is another machine, and neither the URL nor PGSSLMODE names a mode that promises something.
 */
export function mayBePlain(text: string): boolean {
  return hostUrls(text).some((each) => mayHostBePlain(new URL(each)));
}

function mayHostBePlain(url: URL): boolean {
  if (url.hostname === "" || isLoopbackHost(url.hostname) || /^%2f/i.test(url.hostname)) return false;
  const mode = sslModeOf(url) ?? process.env["PGSSLMODE"] ?? "prefer";
  return mode === "prefer" || mode === "allow";
}

/**
 * Converts a URL for Bun's client, and reads the files that it names as they are now.
 * @throws BadCertificate, UnreadableFile, and an Error as sslModeOf.
 */
export function secureUrlOf(text: string): readonly [url: string, options: SQL.PostgresOrMySQLOptions] {
  const url = new URL(text);
  const { searchParams } = url;
  const [, root, cert, key] = tlsParts.map((part) => searchParams.get(part) ?? undefined);
  const mode = sslModeOf(url);
  for (const part of tlsParts) searchParams.delete(part);
  if (mode !== undefined) searchParams.set("sslmode", mode);
  if (mode === "disable") return [url.href, { tls: false }];
  // "system" names the system's authorities.
  const tls = readClientTls({ ca: root === "system" ? undefined : root, cert, key }, Date.now());
  if (mode === "verify-ca" || mode === "verify-full") return [url.href, { tls: { ...tls, rejectUnauthorized: true } }];
  return [url.href, cert === undefined ? {} : { tls: { ...tls, rejectUnauthorized: false } }];
}
