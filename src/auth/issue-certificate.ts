// Issues the certificates of a cluster: X.509 version 3 with ECDSA P-256 and SHA-256 (RFC 5280), which every library of
// TLS accepts. The package needs a polyfill of Reflect and takes some 30 ms to load: import this file on demand.

import "reflect-metadata";
import { createPrivateKey, type KeyObject, randomBytes } from "node:crypto";
import { isIP } from "node:net";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
/** For verifiers whose clocks are behind ours. */
const backdatedMs = 5 * 60_000;
const serialBytes = 16;

/** A certificate and its private key, as PEM; the key as PKCS#8 (RFC 5958). */
interface Issued {
  readonly certificate: string;
  readonly key: string;
}

interface Validity {
  readonly nowMs: number;
  /** The last moment of validity, in milliseconds since 1970; cut to a whole second. */
  readonly untilMs: number;
}

/** Makes an authority, which can issue certificates of nodes but no further authorities. */
export async function issueAuthority(validity: Validity): Promise<Issued> {
  const pair = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  // Two clusters have authorities with different names.
  const name = [{ CN: [`Roost CA ${randomBytes(4).toString("hex")}`] }];
  return {
    certificate: await signed({
      subject: name,
      issuer: name,
      publicKey: pair.publicKey,
      signingKey: pair.privateKey,
      validity,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(pair.publicKey),
      ],
    }),
    key: await pemOf(pair.privateKey),
  };
}

/**
 * Makes a key pair and a certificate for a node, for both ends of TLS. Its common name is the id; `names` are DNS names
 * and IP addresses, at least one, in the form of parseHostName.
 * @param authority the authority's certificate as PEM, and the P-256 key that fits it
 */
export async function issueNode(
  authority: { readonly certificate: string; readonly key: KeyObject },
  id: string,
  names: readonly string[],
  validity: Validity,
): Promise<Issued> {
  const pkcs8 = authority.key.export({ format: "der", type: "pkcs8" });
  const signingKey = await crypto.subtle.importKey("pkcs8", new Uint8Array(pkcs8), algorithm, false, ["sign"]);
  const pair = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const issuer = new X509Certificate(authority.certificate);
  return {
    certificate: await signed({
      subject: [{ CN: [id] }],
      issuer: issuer.subjectName.toJSON(),
      publicKey: pair.publicKey,
      signingKey,
      validity,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
        new SubjectAlternativeNameExtension(
          names.map((value) => ({ type: isIP(value) === 0 ? ("dns" as const) : ("ip" as const), value })),
        ),
        await SubjectKeyIdentifierExtension.create(pair.publicKey),
        await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      ],
    }),
    key: await pemOf(pair.privateKey),
  };
}

interface Parts {
  readonly subject: Record<string, string[]>[];
  readonly issuer: Record<string, string[]>[];
  readonly publicKey: CryptoKey;
  readonly signingKey: CryptoKey;
  readonly validity: Validity;
  readonly extensions: Extension[];
}

async function signed({ validity: { nowMs, untilMs }, ...parts }: Parts): Promise<string> {
  const certificate = await X509CertificateGenerator.create({
    ...parts,
    serialNumber: serialNumber(),
    notBefore: wholeSecond(nowMs - backdatedMs),
    notAfter: wholeSecond(untilMs),
    signingAlgorithm: algorithm,
  });
  return `${certificate.toString("pem")}\n`;
}

/** X.509 has no fractions of a second. */
function wholeSecond(ms: number): Date {
  return new Date(Math.floor(ms / 1_000) * 1_000);
}

/** Returns a random number of exactly 128 bits: positive, without leading zeros (RFC 5280, 4.1.2.2). */
function serialNumber(): string {
  const bytes = randomBytes(serialBytes);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString("hex");
}

async function pemOf(key: CryptoKey): Promise<string> {
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey("pkcs8", key));
  return createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" }).export({ format: "pem", type: "pkcs8" });
}
