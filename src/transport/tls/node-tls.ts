// TLS between the processes of a cluster: the certificate that this node shows when it is dialled and when it dials,
// and the authorities by which it verifies the others. Links demand a certificate of both sides; the registry and the
// monitor show one, and know their clients by tokens, if at all.

import { isIP } from "node:net";
import type { DiallerTls } from "../tcp.ts";
import { type Authorities, readAuthorities, requireIssued } from "./authorities.ts";
import type { CertificateSource } from "./certificate-watch.ts";
import {
  BadCertificate,
  type Certificate,
  type CertificateFiles,
  isForClients,
  readCertificate,
} from "./certificate.ts";
import { TlsContext } from "./tls-context.ts";

/** The files of a node, as an operator names them. */
interface NodeFiles extends CertificateFiles {
  /** PEM: the authorities; undefined for a process that dials no other node. */
  readonly authorities: string | undefined;
}

/** What the files hold. */
interface NodePair {
  readonly certificate: Certificate;
  readonly authorities: Authorities | undefined;
}

/**
 * Reads and judges a node's files.
 * @param nowMs the present moment, in milliseconds since 1970.
 * @throws BadCertificate, UnreadableFile
 */
export function readNodePair(files: NodeFiles, nowMs: number): NodePair {
  const certificate = readCertificate(files, nowMs);
  const { authorities: path } = files;
  if (path === undefined) return { certificate, authorities: undefined };
  const authorities = readAuthorities(path, nowMs);
  requireIssued(certificate.chain, authorities, { certificate: files.certificate, authorities: path }, nowMs);
  return { certificate, authorities };
}

/** Holds the certificate of this node, and the authorities of its cluster. */
export class NodeTls implements CertificateSource {
  readonly title = "certificate of this node";
  readonly paths: readonly string[];
  private readonly files: NodeFiles;
  /** Whether plain connections between nodes are refused. */
  readonly isRequired: boolean;
  /** For listeners that ask for no certificate: the registry's API and the monitor. */
  readonly http: TlsContext;
  /** For listeners of links, which demand a certificate of one of the authorities; undefined without authorities. */
  readonly links: TlsContext | undefined;
  private present: NodePair;
  /** At which others reach this node. */
  private readonly hosts = new Set<string>();
  private isForClientsToo = false;

  /** @throws what the platform finds wrong with the certificate. */
  constructor(files: NodeFiles, pair: NodePair, isRequired: boolean) {
    this.files = files;
    this.paths = [files.certificate, files.key, ...(files.authorities === undefined ? [] : [files.authorities])];
    this.isRequired = isRequired;
    this.present = pair;
    this.http = new TlsContext(pair.certificate);
    this.links = pair.authorities && new TlsContext(pair.certificate, pair.authorities.pem);
  }

  get certificate(): Certificate {
    return this.present.certificate;
  }

  /** With which this node dials others, at present. */
  get dialler(): DiallerTls | undefined {
    const { certificate, authorities } = this.present;
    return authorities && { ca: authorities.pem, cert: certificate.pem.certificate, key: certificate.pem.key };
  }

  /**
   * Uses another pair for all handshakes from now on; connections stay.
   * @throws what the platform finds wrong with the pair: nothing has changed then.
   */
  replace(pair: NodePair): void {
    this.links?.replace(pair.certificate, pair.authorities?.pem);
    this.http.replace(pair.certificate);
    this.present = pair;
  }

  readAgain(nowMs: number): boolean {
    const pair = readNodePair(this.files, nowMs);
    const [one, other] = [pair, this.present].map(({ certificate: { pem }, authorities }) => [
      pem.certificate,
      pem.key,
      authorities?.pem,
    ]);
    if (Bun.deepEquals(one, other)) return false;
    for (const host of this.hosts) this.judgeName(pair.certificate, host);
    if (this.isForClientsToo) this.judgePurposes(pair.certificate);
    this.replace(pair);
    return true;
  }

  /**
   * Throws BadCertificate unless the certificate is for the host of `host:port`, by which others verify it. Renewed
   * ones have to be for it, too.
   */
  requireName(address: string): void {
    const host = new URL(`https://${address}`).hostname.replace(/^\[|\]$/g, "");
    this.judgeName(this.certificate, host);
    this.hosts.add(host);
  }

  /**
   * Throws BadCertificate unless the certificate is for TLS clients, too: nodes verify who dials their links. Renewed
   * ones have to be for both, too.
   */
  requireBothPurposes(): void {
    this.judgePurposes(this.certificate);
    this.isForClientsToo = true;
  }

  private judgePurposes(certificate: Certificate): void {
    if (isForClients(certificate)) return;
    throw new BadCertificate(
      `${this.files.certificate}: the certificate is not for TLS clients, so that nodes refuse this one when it ` +
        "dials them; issue one with the extended key usages serverAuth and clientAuth",
    );
  }

  private judgeName({ chain, names }: Certificate, host: string): void {
    const [own] = chain;
    if (own === undefined) return;
    const isNamed = isIP(host) === 0 ? own.checkHost(host) !== undefined : own.checkIP(host) !== undefined;
    if (isNamed) return;
    throw new BadCertificate(
      `${this.files.certificate} is for ${names === "" ? "no name" : names}, and others reach this node at ${host}, ` +
        "where they would refuse it; issue one with this name, or set --advertise",
    );
  }
}
