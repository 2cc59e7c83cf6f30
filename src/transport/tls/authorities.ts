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

/**
 * Throws BadCertificate unless the authorities that are valid now lead from the last certificate of the chain to a
 * root: the platform trusts no intermediate by itself.
 * @param nowMs the present moment, in milliseconds since 1970.
 */
export function requireIssued(
  chain: Certificate["chain"],
  { certificates }: Authorities,
  files: { readonly certificate: string; readonly authorities: string },
  nowMs: number,
): void {
  const last = chain.at(-1);
  const issuers = certificates.filter((authority) => last !== undefined && hasIssued(authority, last));
  const isValid = ({ validFrom, validTo }: X509Certificate): boolean =>
    nowMs >= Date.parse(validFrom) && nowMs < Date.parse(validTo);
  const valid = certificates.filter(isValid);
  if (issuers.some((issuer) => isValid(issuer) && leadsToRoot(issuer, valid))) return;
  const [issuer] = issuers;
  if (issuer === undefined)
    throw new BadCertificate(
      `${files.certificate}: no authority of ${files.authorities} has issued it, so that other nodes refuse it; ` +
        "name the authority's certificate, or issue the node's again",
    );
  const what = `${files.authorities}: ${nameOf(issuer)} has issued ${files.certificate}`;
  if (!isValid(issuer))
    throw new BadCertificate(
      `${what}, but is not valid now (from ${issuer.validFrom} until ${issuer.validTo}); make a new authority, or ` +
        "check this machine's clock",
    );
  throw new BadCertificate(
    `${what}, but is no root, so that other nodes refuse it; add the certificate of its own issuer`,
  );
}

function hasIssued(authority: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}

/** Reports whether a certificate is a root, or some of the others lead to one. */
function leadsToRoot(certificate: X509Certificate, others: readonly X509Certificate[]): boolean {
  if (hasIssued(certificate, certificate)) return true;
  const rest = others.filter((other) => other !== certificate);
  return rest.some((other) => hasIssued(other, certificate) && leadsToRoot(other, rest));
}

function nameOf({ subject }: X509Certificate): string {
  return subject?.replaceAll("\n", ", ") || "(no name)";
}
