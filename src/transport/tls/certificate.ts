// A listener's certificate and private key, read from two PEM files and judged before they are used: the platform
// accepts an expired certificate, and keys that clients refuse.
//
// The first certificate of the file is the server's own; each one that follows has issued the one before it (RFC 8446,
// section 4.4.2). The root may be left out.

import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { changerOf } from "../../base/file-trust.ts";
import { reasonOf } from "../../base/reason-of.ts";
import { readSmallFile } from "../../base/small-file.ts";

/** The two files, as an operator names them. */
export interface CertificateFiles {
  /** PEM: the certificate of the server, then those of its issuers. */
  readonly certificate: string;
  /** PEM: its private key, without a passphrase. */
  readonly key: string;
}

/** A pair that clients can verify now. */
export interface Certificate {
  /** The server's own certificate and its issuers, in the order of the file. */
  readonly chain: readonly X509Certificate[];
  /** The texts of the two files. */
  readonly pem: { readonly certificate: string; readonly key: string };
  /** When the first certificate of the chain expires, in milliseconds since 1970. */
  readonly expiryMs: number;
  /** The names that it is for, such as `DNS:chat.example.com, IP Address:192.0.2.1`. */
  readonly names: string;
  /** SHA-256 of the server's own certificate: hexadecimal bytes with colons between them. */
  readonly fingerprint: string;
  /** What an operator should change although the pair is used: sentences. */
  readonly warnings: readonly string[];
}

/** A certificate or key is refused. The message names the file, the reason, and what would be right. */
export class BadCertificate extends Error {
  override readonly name = "BadCertificate";
}

/** A chain of ten certificates is about 20 KB. */
const fileBytesMax = 256 * 1024;
const certificatesMax = 10;
const rsaBitsMin = 2048;
/** The curves that every client of TLS 1.2 and 1.3 knows, by OpenSSL's names. */
const curves: ReadonlySet<string> = new Set(["prime256v1", "secp384r1", "secp521r1"]);
const wanted = "use RSA with 2048 bits or more, or ECDSA with the curve P-256, P-384 or P-521";
/** Purposes (RFC 5280, section 4.2.1.12). */
const serverPurpose = "1.3.6.1.5.5.7.3.1";
const clientPurpose = "1.3.6.1.5.5.7.3.2";
const othersRead = 0o004;
const begin = /-----BEGIN CERTIFICATE-----/g;
const block = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/y;

/**
 * Reads and judges a pair.
 * @param nowMs the present moment, in milliseconds since 1970.
 * @throws BadCertificate, UnreadableFile
 */
export function readCertificate(files: CertificateFiles, nowMs: number): Certificate {
  const { text: certificate } = readSmallFile(files.certificate, { bytesMax: fileBytesMax, waits: false });
  const { text: key, stats } = readSmallFile(files.key, { bytesMax: fileBytesMax, waits: false });
  const changer = changerOf(stats);
  if (changer === "everybody")
    throw new BadCertificate(`everybody can change the private key ${files.key}; make a new key, and chmod 600 it`);
  const chain = certificatesOf(certificate, files.certificate, certificatesMax);
  const [own] = chain;
  if (own === undefined)
    throw new BadCertificate(`${files.certificate} has no certificate: expected PEM (-----BEGIN CERTIFICATE-----)`);
  judgeKey(keyOf(key, files.key), chain, files);
  for (const [at, one] of chain.entries()) judge(one, chain[at + 1], files.certificate, nowMs);
  if (!isFor(own, serverPurpose))
    throw new BadCertificate(
      `${files.certificate}: the certificate is not for TLS servers; issue one with the extended key usage serverAuth`,
    );
  const names = own.subjectAltName ?? "";
  const warnings = [
    ...(names === "" ? [`${files.certificate} has no subjectAltName: clients that verify names refuse it`] : []),
    ...(changer === undefined ? [] : [`${changer} can change the private key ${files.key}; chown it and chmod 600 it`]),
    ...(changer === undefined && (stats.mode & othersRead) !== 0
      ? [`other users can read the private key ${files.key}; chmod 600 it`]
      : []),
  ];
  const expiryMs = Math.min(...chain.map(({ validTo }) => Date.parse(validTo)));
  return { chain, pem: { certificate, key }, expiryMs, names, fingerprint: own.fingerprint256, warnings };
}

/** Reports whether a certificate may be shown by TLS clients, too. Without named purposes it may be used for any. */
export function isForClients({ chain: [own] }: Pick<Certificate, "chain">): boolean {
  return own !== undefined && isFor(own, clientPurpose);
}

function isFor({ keyUsage }: X509Certificate, purpose: string): boolean {
  return keyUsage === undefined || keyUsage.length === 0 || keyUsage.includes(purpose);
}

/** Returns the certificates of a PEM file, in its order. Throws BadCertificate for a damaged one, and for too many. */
export function certificatesOf(pem: string, path: string, countMax: number): X509Certificate[] {
  const begins = [...pem.matchAll(begin)];
  if (begins.length > countMax)
    throw new BadCertificate(`${path} has ${begins.length} certificates; at most ${countMax} are used`);
  return begins.map(({ index }, at) => {
    const damaged = (reason: string, cause?: unknown): BadCertificate =>
      new BadCertificate(`${path}: certificate ${at + 1} is damaged (${reason}); expected X.509 in PEM`, { cause });
    block.lastIndex = index;
    const [text] = block.exec(pem) ?? [];
    // The platform leaves such a one out, or all that follow.
    if (text === undefined) throw damaged("it has no end");
    try {
      return new X509Certificate(text);
    } catch (cause) {
      throw damaged(reasonOf(cause), cause);
    }
  });
}

function keyOf(pem: string, path: string): KeyObject {
  if (/-----BEGIN ENCRYPTED |^Proc-Type: 4,ENCRYPTED/m.test(pem))
    throw new BadCertificate(`${path}: the private key has a passphrase; remove it (openssl pkey -in … -out …)`);
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new BadCertificate(`${path} has no private key: expected PEM (-----BEGIN PRIVATE KEY-----)`, { cause });
  }
}

function judgeKey(key: KeyObject, chain: readonly X509Certificate[], files: CertificateFiles): void {
  const at = chain.findIndex((certificate) => certificate.checkPrivateKey(key));
  if (at === -1)
    throw new BadCertificate(
      `${files.key} does not fit ${files.certificate}: name the private key that the certificate was issued for`,
    );
  if (at > 0)
    throw new BadCertificate(
      `${files.certificate}: the certificate of the key ${files.key} is number ${at + 1}; move it to the beginning`,
    );
}

/** Judges one certificate of the chain; `issuer` is the next one, if there is one. */
function judge(certificate: X509Certificate, issuer: X509Certificate | undefined, path: string, nowMs: number): void {
  const { subject, validFrom, validTo, publicKey } = certificate;
  const whose = `${path}: the certificate of ${subject.replaceAll("\n", ", ") || "(no name)"}`;
  const weakness = weaknessOf(publicKey);
  if (weakness !== undefined) throw new BadCertificate(`${whose} has ${weakness}; ${wanted}`);
  if (nowMs >= Date.parse(validTo)) throw new BadCertificate(`${whose} expired on ${validTo}; renew it`);
  if (nowMs < Date.parse(validFrom))
    throw new BadCertificate(`${whose} is valid from ${validFrom} on; check this machine's clock, or issue it again`);
  if (issuer !== undefined && !(certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)))
    throw new BadCertificate(
      `${whose} is followed by one that did not issue it; put each issuer's certificate right behind what it issued`,
    );
}

/** What is wrong with a public key, undefined if nothing is. */
function weaknessOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string | undefined {
  if (asymmetricKeyType === "rsa") {
    const bits = asymmetricKeyDetails?.modulusLength ?? 0;
    return bits >= rsaBitsMin ? undefined : `an RSA key of ${bits} bits`;
  }
  if (asymmetricKeyType !== "ec") return `a key of the kind ${asymmetricKeyType ?? "unknown"}`;
  const curve = asymmetricKeyDetails?.namedCurve ?? "unknown";
  return curves.has(curve) ? undefined : `an ECDSA key of the curve ${curve}`;
}
