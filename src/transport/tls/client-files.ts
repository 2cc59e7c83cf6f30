// The TLS of a client of some other server, a database say: the files that a URL names, judged before they are used.

import { createPrivateKey, type KeyObject } from "node:crypto";
import { reasonOf } from "../../base/reason-of.ts";
import { readSmallFile } from "../../base/small-file.ts";
import { BadCertificate, certificatesOf } from "./certificate.ts";
import { certificateFailure } from "./peer-verification.ts";

/** A system's bundle of all public authorities has 200 KB and 150 certificates. */
const fileBytesMax = 2 * 1024 * 1024;
const certificatesMax = 1_000;

/** Paths, as an operator names them. */
interface ClientFiles {
  /** PEM: the authorities that the server's certificate is verified by; undefined: the system's. */
  readonly ca: string | undefined;
  /** PEM: the certificate that this side shows, then those of its issuers; and its private key. */
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** OpenSSL's codes for a chain that ends at no authority that is known here. */
const unknownAuthority = /^(UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_)/;

/**
 * Returns what is wrong with a server's certificate and, if its authority is unknown, that `parameter` of the URL names
 * it; undefined for errors about anything else.
 */
export function serverFault(error: unknown, parameter: string): string | undefined {
  const failure = certificateFailure(error);
  if (failure === undefined || !(error instanceof Error) || !("code" in error)) return undefined;
  return unknownAuthority.test(String(error.code))
    ? `${failure}; name the file of its authority in the URL: ?${parameter}=FILE`
    : failure;
}

/** What they hold, as the platform's clients take it. */
export interface ClientTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/**
 * Reads and judges the files.
 * @param nowMs the present moment, in milliseconds since 1970.
 * @throws BadCertificate, UnreadableFile
 */
export function readClientTls({ ca, cert, key }: ClientFiles, nowMs: number): ClientTls {
  return {
    ...(ca === undefined ? {} : { ca: readPem(ca) }),
    ...(cert === undefined && key === undefined ? {} : readPair(cert, key, nowMs)),
  };
}

function readPair(cert: string | undefined, key: string | undefined, nowMs: number): ClientTls {
  if (cert === undefined || key === undefined)
    throw new BadCertificate(`${cert ?? key} is given without its ${cert === undefined ? "certificate" : "key"}`);
  const pem = readPem(cert);
  const text = readSmallFile(key, { bytesMax: fileBytesMax, waits: false }).text;
  const [own] = certificatesOf(pem, cert, certificatesMax);
  let parsed: KeyObject;
  try {
    parsed = createPrivateKey(text);
  } catch (cause) {
    throw new BadCertificate(`${key} has no private key without a passphrase: ${reasonOf(cause)}`, { cause });
  }
  if (own?.checkPrivateKey(parsed) !== true) throw new BadCertificate(`${key} does not fit ${cert}`);
  if (nowMs >= Date.parse(own.validTo)) throw new BadCertificate(`${cert} expired on ${own.validTo}; renew it`);
  return { cert: pem, key: text };
}

/**
 * Reads certificates, at least one, as they are in the file.
 * @param waits whether to wait for the writer of a pipe; a running server does not.
 * @throws BadCertificate, UnreadableFile
 */
export function readPem(path: string, waits = false): string {
  const { text } = readSmallFile(path, { bytesMax: fileBytesMax, waits });
  if (certificatesOf(text, path, certificatesMax).length === 0)
    throw new BadCertificate(`${path} has no certificate: expected PEM (-----BEGIN CERTIFICATE-----)`);
  return text;
}
