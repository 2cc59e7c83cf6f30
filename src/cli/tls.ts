// Reads the certificates of the clients' listeners and of this node, and names the clients' URLs.

import { reasonOf } from "../base/reason-of.ts";
import { UnreadableFile } from "../base/small-file.ts";
import { type Log, silentLog } from "../base/log.ts";
import type { NodeTrust } from "../registry/client/node-request.ts";
import type { StandaloneSettings } from "../roles/settings.ts";
import type { Role } from "../options/option.ts";
import {
  BadCertificate,
  type Certificate,
  type CertificateFiles,
  readCertificate,
} from "../transport/tls/certificate.ts";
import { readPem } from "../transport/tls/client-files.ts";
import { NodeTls, readNodePair } from "../transport/tls/node-tls.ts";
import { TlsContext } from "../transport/tls/tls-context.ts";
import type { OptionValues } from "./option-values.ts";
import { StartError, UsageError } from "./usage-error.ts";

/**
 * Reads the pair that --tls-cert and --tls-key name; nothing without them. Throws UsageError if one is missing,
 * StartError if clients could not verify the certificate.
 */
export function readTls(values: OptionValues, log: Log): Pick<StandaloneSettings, "tls"> {
  const files = pairOf(values, "tls-cert", "tls-key");
  if (files === undefined) return {};
  return judged(files, () => {
    const context = new TlsContext(readCertificate(files, Date.now()));
    logCertificate("clients connect with TLS", context.certificate, log);
    return { tls: { files, context } };
  });
}

/**
 * Reads what --node-cert, --node-key and --node-ca name; undefined without them. Throws UsageError if one is missing,
 * StartError if other nodes could not verify the certificate.
 */
export function readNodeTls(values: OptionValues, role: Role, log: Log): NodeTls | undefined {
  const pair = pairOf(values, "node-cert", "node-key");
  // A standalone server dials no other node: what the environment says of them is for others.
  const isAlone = role === "standalone";
  const authorities = isAlone ? undefined : values.optional("node-ca");
  if (pair === undefined) {
    for (const name of ["node-ca", "node-tls"] as const)
      if (!isAlone && values.isGiven(name))
        throw new UsageError(`${values.sourceOf(name)} is given without --node-cert and --node-key; give them, too`);
    return undefined;
  }
  if (authorities === undefined && !isAlone)
    throw new UsageError(`${values.sourceOf("node-cert")} is given without --node-ca, which verifies other nodes`);
  const files = { ...pair, authorities };
  return judged(files, () => {
    const isRequired = isAlone || values.required("node-tls") === "require";
    const tls = new NodeTls(files, readNodePair(files, Date.now()), isRequired);
    logCertificate("nodes connect with TLS", tls.http.certificate, log);
    if (!isRequired)
      log.warn(`${values.sourceOf("node-tls")} accept: nodes may connect in plain text; set require once all have TLS`);
    return tls;
  });
}

/**
 * Reads how a command verifies the servers of https:// URLs: by what --node-ca names, and with the certificate of this
 * node if there is one; undefined without them. Throws as readNodeTls does.
 */
export function readNodeTrust(values: OptionValues): NodeTrust | undefined {
  const authorities = values.optional("node-ca");
  const isAlone = values.optional("node-cert") === undefined && values.optional("node-key") === undefined;
  if (isAlone && authorities !== undefined) return { dialler: { ca: readServerAuthorities(authorities) } };
  return readNodeTls(values, "gateway", silentLog);
}

/** The files that two options name; undefined if neither is given. Throws UsageError for one without the other. */
function pairOf<Name extends "tls-cert" | "tls-key" | "node-cert" | "node-key">(
  values: OptionValues,
  ofCertificate: Name,
  ofKey: Name,
): CertificateFiles | undefined {
  const [certificate, key] = [values.optional(ofCertificate), values.optional(ofKey)];
  if (certificate !== undefined && key !== undefined) return { certificate, key };
  if (certificate === undefined && key === undefined) return undefined;
  const [given, missing] = key === undefined ? [ofCertificate, ofKey] : [ofKey, ofCertificate];
  throw new UsageError(`${values.sourceOf(given)} is given without --${missing}; give both, or neither`);
}

/** Runs `read`; what is wrong with the files becomes StartError. */
function judged<Result>({ certificate, key }: CertificateFiles, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (error instanceof BadCertificate || error instanceof UnreadableFile) throw new StartError(error.message);
    // The platform refuses what the judgement allowed.
    throw new StartError(`${certificate} with ${key}: ${reasonOf(error)}; expected a certificate and its private key`);
  }
}

function logCertificate(event: string, { names, fingerprint, expiryMs, warnings }: Certificate, log: Log): void {
  log.info(event, { names, fingerprint, expires: new Date(expiryMs).toISOString() });
  for (const warning of warnings) log.warn(warning);
}

/** Reads the certificates by which a command verifies servers. Throws StartError. */
export function readServerAuthorities(path: string): string {
  try {
    return readPem(path, true);
  } catch (error) {
    if (error instanceof BadCertificate || error instanceof UnreadableFile) throw new StartError(error.message);
    throw error;
  }
}

/** The clients' listeners as URLs. `addresses`: `host:port`; undefined: off. */
export function clientUrls(
  { ws, tcp }: { readonly ws: string | undefined; readonly tcp: string | undefined },
  isSecure: boolean,
): { readonly ws: string | undefined; readonly tcp: string | undefined } {
  const [webSocket, plain] = isSecure ? ["wss", "tls"] : ["ws", "tcp"];
  return { ws: ws && `${webSocket}://${ws}`, tcp: tcp && `${plain}://${tcp}` };
}

/**
 * The link to the web chat of a listener at `ws`, `host:port` as bound: for a browser of this machine where that is all
 * addresses. The secret is in the fragment, which a browser sends to nobody.
 */
export function webLink(ws: string, isSecure: boolean, secret: string): string {
  const reachable = ws.replace(/^0\.0\.0\.0:/, "127.0.0.1:").replace(/^\[::\]:/, "[::1]:");
  return `${isSecure ? "https" : "http"}://${reachable}/#link=${secret}`;
}
