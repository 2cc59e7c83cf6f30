// The authorities by which the nodes of a cluster verify each other, read from a PEM file and judged before they are
// used.

import type { X509Certificate } from "node:crypto";
import { changerOf } from "../../base/file-trust.ts";
import { readSmallFile } from "../../base/small-file.ts";
import { BadCertificate, type Certificate, certificatesOf } from "./certificate.ts";

const fileBytesMax = 256 * 1024;
/** More than one while a cluster changes its authority. */
const authoritiesMax = 10;

/** Authorities that can verify certificates now. */
export interface Authorities {
  /** The text of the file. */
  readonly pem: string;
  readonly certificates: readonly X509Certificate[];
}

/**
 * Reads and judges authorities.
 * @param nowMs the present moment, in milliseconds since 1970.
 * @throws BadCertificate, UnreadableFile
 */
export function readAuthorities(path: string, nowMs: number): Authorities {
  const { text: pem, stats } = readSmallFile(path, { bytesMax: fileBytesMax, waits: false });
  if (changerOf(stats) === "everybody")
    throw new BadCertificate(`everybody can change the authorities ${path}; check them, and chmod 644 the file`);
  const certificates = certificatesOf(pem, path, authoritiesMax);
  if (certificates.length === 0)
    throw new BadCertificate(`${path} has no certificate: expected PEM (-----BEGIN CERTIFICATE-----)`);
  for (const certificate of certificates)
    if (!certificate.ca)
      throw new BadCertificate(
        `${path}: ${nameOf(certificate)} is not an authority; name the ca.crt that roost cert made`,
      );
  if (certificates.every(({ validTo }) => nowMs >= Date.parse(validTo)))
    throw new BadCertificate(`${path}: ${certificates.map(nameOf).join(" and ")} expired; make a new authority`);
  return { pem, certificates };
}

/** Throws BadCertificate unless one of the authorities has issued the last certificate of the chain. */
export function requireIssued(
  chain: Certificate["chain"],
  { certificates }: Authorities,
  files: { readonly certificate: string; readonly authorities: string },
): void {
  const last = chain.at(-1);
  const isIssued = certificates.some(
    (authority) => last !== undefined && last.checkIssued(authority) && last.verify(authority.publicKey),
  );
  if (!isIssued)
    throw new BadCertificate(
      `${files.certificate}: no authority of ${files.authorities} has issued it, so that other nodes refuse it; ` +
        "name the authority's certificate, or issue the node's again",
    );
}

function nameOf({ subject }: X509Certificate): string {
  return subject?.replaceAll("\n", ", ") || "(no name)";
}
