// Reads the certificate of the clients' listeners, and names their URLs.

import { reasonOf } from "../base/reason-of.ts";
import { readSmallFile, UnreadableFile } from "../base/small-file.ts";
import type { Log } from "../base/log.ts";
import type { StandaloneSettings } from "../roles/settings.ts";
import { BadCertificate, readCertificate } from "../transport/tls/certificate.ts";
import { TlsContext } from "../transport/tls/tls-context.ts";
import type { OptionValues } from "./option-values.ts";
import { StartError, UsageError } from "./usage-error.ts";

/** A system's bundle of all public authorities has 200 KB. */
const authoritiesBytesMax = 2 * 1024 * 1024;

/**
 * Reads the pair that --tls-cert and --tls-key name; nothing without them. Throws UsageError if one is missing,
 * StartError if clients could not verify the certificate.
 */
export function readTls(values: OptionValues, log: Log): Pick<StandaloneSettings, "tls"> {
  const [certificate, key] = [values.optional("tls-cert"), values.optional("tls-key")];
  if (certificate === undefined && key === undefined) return {};
  if (certificate === undefined || key === undefined) {
    const [given, missing] =
      key === undefined ? (["tls-cert", "tls-key"] as const) : (["tls-key", "tls-cert"] as const);
    throw new UsageError(`${values.sourceOf(given)} is given without --${missing}; give both, or neither`);
  }
  const files = { certificate, key };
  try {
    const context = new TlsContext(readCertificate(files, Date.now()));
    const { names, fingerprint, expiryMs, warnings } = context.certificate;
    log.info("clients connect with TLS", { names, fingerprint, expires: new Date(expiryMs).toISOString() });
    for (const warning of warnings) log.warn(warning);
    return { tls: { files, context } };
  } catch (error) {
    if (error instanceof BadCertificate || error instanceof UnreadableFile) throw new StartError(error.message);
    // The platform refuses what the judgement allowed.
    throw new StartError(`${certificate} with ${key}: ${reasonOf(error)}; expected a certificate and its private key`);
  }
}

/** Reads the certificates by which a command verifies servers. Throws StartError. */
export function readAuthorities(path: string): string {
  try {
    const { text } = readSmallFile(path, { bytesMax: authoritiesBytesMax, waits: true });
    if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  } catch (error) {
    if (error instanceof UnreadableFile) throw new StartError(error.message);
    throw error;
  }
  throw new StartError(`${path} has no certificate: expected PEM (-----BEGIN CERTIFICATE-----)`);
}

/** The clients' listeners as URLs. `addresses`: `host:port`; undefined: off. */
export function clientUrls(
  { ws, tcp }: { readonly ws: string | undefined; readonly tcp: string | undefined },
  isSecure: boolean,
): { readonly ws: string | undefined; readonly tcp: string | undefined } {
  const [webSocket, plain] = isSecure ? ["wss", "tls"] : ["ws", "tcp"];
  return { ws: ws && `${webSocket}://${ws}`, tcp: tcp && `${plain}://${tcp}` };
}
