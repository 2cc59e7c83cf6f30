// Reads certificates and private keys of PEM files (RFC 7468), for commands. A symbolic link is not followed where the
// command writes later.

import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { lstatSync, type Stats } from "node:fs";
import { readSmallFile, UnreadableFile } from "../../base/small-file.ts";
import { shortestAddress } from "../../options/node-names.ts";
import { sentenceOf } from "../failure.ts";
import { StartError } from "../usage-error.ts";

const pemBytesMax = 256 * 1024;
const certificatesMax = 16;

/** Returns the text of a file. Throws StartError. */
export function readPem(path: string): string {
  try {
    return readSmallFile(path, { bytesMax: pemBytesMax, waits: true }).text;
  } catch (error) {
    if (error instanceof UnreadableFile) throw new StartError(error.message);
    throw error;
  }
}

/** Returns what is at the path itself, without following a link; undefined if nothing is. Throws StartError. */
export function statsAt(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw new StartError(`cannot read ${path}: ${sentenceOf(error)}; choose another folder with --dir`);
  }
}

/** Reports whether something is at the path. Throws StartError unless it is a regular file: a link is none. */
export function isFileAt(path: string): boolean {
  const stats = statsAt(path);
  if (stats === undefined) return false;
  if (!stats.isFile())
    throw new StartError(`${path} is ${stats.isSymbolicLink() ? "a symbolic link" : "not a file"}; move it away`);
  return true;
}

const renewedBeforeMs = 30 * 86_400_000;

/** Returns the certificates of a PEM text, at least one. Throws StartError. */
export function certificatesIn(text: string, path: string): X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new StartError(`${path} holds no certificate; expected PEM, BEGIN CERTIFICATE`);
  if (blocks.length > certificatesMax)
    throw new StartError(`${path} holds ${blocks.length} certificates; expected at most ${certificatesMax}`);
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch {
      throw new StartError(`certificate ${index + 1} of ${path} is malformed`);
    }
  });
}

/** Returns the private key of a PEM text. Throws StartError. */
export function privateKeyIn(text: string, path: string): KeyObject {
  if (/ENCRYPTED/.test(text))
    throw new StartError(`the private key in ${path} has a passphrase; expected a key without one`);
  try {
    return createPrivateKey(text);
  } catch {
    throw new StartError(
      `${path} holds no private key that can be read; expected PEM with a key of RSA, Ed25519, or P-256 to P-521`,
    );
  }
}

/** Returns the DNS names and IP addresses that a certificate is for, in the form of parseHostName. */
export function namesOf({ subjectAltName = "" }: X509Certificate): string[] {
  return Array.from(subjectAltName.matchAll(/(DNS|IP Address):([^,\s"]+)/g), ([, kind, name = ""]) =>
    kind === "DNS" ? name.toLowerCase() : shortestAddress(name),
  );
}

/** Returns the end of a certificate's validity, in milliseconds since 1970. */
export function untilMsOf({ validTo }: X509Certificate): number {
  return Date.parse(validTo);
}

/** Returns the start of a certificate's validity, in milliseconds since 1970. */
export function fromMsOf({ validFrom }: X509Certificate): number {
  return Date.parse(validFrom);
}

/** Reports whether it is time to renew: 30 days before the end, or in the last third of its life if that is later. */
export function expiresSoon(certificate: X509Certificate, nowMs: number): boolean {
  const [fromMs, untilMs] = [fromMsOf(certificate), untilMsOf(certificate)];
  return untilMs - nowMs < Math.min(renewedBeforeMs, (untilMs - fromMs) / 3);
}

/** Formats a moment for a sentence, to the second, in UTC. */
export function shownTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}
