// TLS between the processes of a cluster: the certificate that this node shows when it is dialled and when it dials,
// and the authorities by which it verifies the others. Links demand a certificate of both sides; the registry and the
// monitor show one, and know their clients by tokens, if at all.

import { type Authorities, readAuthorities, requireIssued } from "./authorities.ts";
import { type Certificate, type CertificateFiles, readCertificate } from "./certificate.ts";
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

/** TLS options for dialling: PEM. */
interface DiallerTls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
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
  requireIssued(certificate.chain, authorities, { certificate: files.certificate, authorities: path });
  return { certificate, authorities };
}

/** Holds the certificate of this node, and the authorities of its cluster. */
export class NodeTls {
  readonly files: NodeFiles;
  /** Whether plain connections between nodes are refused. */
  readonly isRequired: boolean;
  /** For listeners that ask for no certificate: the registry's API and the monitor. */
  readonly http: TlsContext;
  private present: NodePair;

  /** @throws what the platform finds wrong with the certificate. */
  constructor(files: NodeFiles, pair: NodePair, isRequired: boolean) {
    this.files = files;
    this.isRequired = isRequired;
    this.present = pair;
    this.http = new TlsContext(pair.certificate);
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
    this.http.replace(pair.certificate);
    this.present = pair;
  }
}
