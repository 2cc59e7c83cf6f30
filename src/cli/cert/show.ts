// roost cert show: prints what a PEM file of certificates holds, and whether the private key fits. The key is in the
// file itself, or beside it under the same name with the ending .key.

import type { X509Certificate } from "node:crypto";
import { existsSync } from "node:fs";
import { printLines } from "../command-output.ts";
import type { OptionValues } from "../option-values.ts";
import { tableLines } from "../text-table.ts";
import { StartError } from "../usage-error.ts";
import { certificatesIn, fromMsOf, privateKeyIn, readPem, shownTime, untilMsOf } from "./read.ts";

const dayMs = 86_400_000;

/**
 * Prints the certificates of the file that the operand names; resolves with 0 if all are valid now and the key, if
 * there is one, fits the first, else with 1. Throws StartError.
 */
export async function showCertificates(values: OptionValues): Promise<number> {
  const [path, nowMs] = [values.operand, Date.now()];
  const text = readPem(path);
  const certificates = certificatesIn(text, path);
  const key = keyRow(path, text, certificates[0]);
  const tables = certificates.map((certificate, index) => {
    const rows = rowsOf(certificate, nowMs);
    return [...tableLines(index === 0 ? [...rows, ["private key", key.said]] : rows)];
  });
  await printLines(tables.flatMap((lines, index) => (index === 0 ? lines : ["", ...lines])));
  return key.isFine && certificates.every((certificate) => isValid(certificate, nowMs)) ? 0 : 1;
}

function isValid(certificate: X509Certificate, nowMs: number): boolean {
  return fromMsOf(certificate) <= nowMs && nowMs < untilMsOf(certificate);
}

function rowsOf(certificate: X509Certificate, nowMs: number): string[][] {
  const [fromMs, untilMs] = [fromMsOf(certificate), untilMsOf(certificate)];
  const leftDays = Math.floor((untilMs - nowMs) / dayMs);
  const left = untilMs <= nowMs ? "expired" : `${leftDays} days left`;
  return [
    ["subject", oneLine(certificate.subject)],
    ["names", certificate.subjectAltName ?? "none"],
    ["issuer", oneLine(certificate.issuer)],
    ["authority", certificate.ca ? "yes" : "no"],
    ["key type", keyTypeOf(certificate)],
    ["valid from", `${shownTime(fromMs)}${fromMs > nowMs ? " (not valid yet)" : ""}`],
    ["valid until", `${shownTime(untilMs)} (${left})`],
    ["SHA-256", certificate.fingerprint256],
  ];
}

/** Joins the parts of a name, which stand on lines of their own. Bun gives no text for an empty name. */
function oneLine(name: string | undefined): string {
  return name === undefined || name === "" ? "none" : name.split("\n").join(", ");
}

function keyTypeOf(certificate: X509Certificate): string {
  try {
    const { asymmetricKeyType = "unknown", asymmetricKeyDetails = {} } = certificate.publicKey;
    const { namedCurve, modulusLength } = asymmetricKeyDetails;
    const detail = namedCurve ?? (modulusLength === undefined ? "" : `${modulusLength} bits`);
    return `${asymmetricKeyType} ${detail}`.trimEnd();
  } catch {
    // Of a kind that TLS here does not support, such as Ed448.
    return "unsupported";
  }
}

interface KeyRow {
  readonly said: string;
  readonly isFine: boolean;
}

function keyRow(path: string, text: string, certificate: X509Certificate | undefined): KeyRow {
  const beside = path.replace(/\.[^./]*$/, "") + ".key";
  const isInside = /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text);
  if (!isInside && (beside === path || !existsSync(beside))) return { said: `none at ${beside}`, isFine: true };
  const place = isInside ? path : beside;
  try {
    const key = privateKeyIn(isInside ? text : readPem(place), place);
    return certificate?.checkPrivateKey(key) === true
      ? { said: `${place} fits`, isFine: true }
      : { said: `${place} does not fit`, isFine: false };
  } catch (error) {
    if (error instanceof StartError) return { said: error.message, isFine: false };
    throw error;
  }
}
