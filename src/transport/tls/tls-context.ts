// The TLS of all listeners of a process: its present certificate, and who takes a new one. Listeners that start TLS for
// each connection read `native`; the others subscribe.

import { constants } from "node:crypto";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import type { Certificate } from "./certificate.ts";

/** Forward secrecy and authenticated encryption only, for TLS 1.2; the suites of TLS 1.3 are all such (RFC 9325). */
const ciphers = [
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");

/** The platform's default is the same, TLS 1.2 and 1.3; its option minVersion takes no text as Node's does. */
const secureOptions = constants.SSL_OP_NO_TLSv1 | constants.SSL_OP_NO_TLSv1_1;

/** A resumed session shows no certificate again: it would outlive the one that it began with. */
const mutualOptions = secureOptions | constants.SSL_OP_NO_TICKET;

/** TLS options for a listener that takes PEM. */
interface PemSettings {
  readonly cert: string;
  readonly key: string;
  readonly ciphers: string;
  readonly secureOptions: number;
}

/** Holds one certificate at a time, and the authorities that peers are verified by. */
export class TlsContext {
  /** Whether peers have to show a certificate of an authority. */
  readonly isMutual: boolean;
  private present: Certificate;
  private parsed: object;
  private readonly listeners = new Set<() => void>();

  /**
   * @param authorities certificates in PEM: peers have to show a certificate of one of these; undefined: they show
   * none.
   * @throws what the platform finds wrong with the pair.
   */
  constructor(certificate: Certificate, authorities?: string) {
    this.isMutual = authorities !== undefined;
    this.present = certificate;
    this.parsed = parsedOf(certificate, authorities);
  }

  get certificate(): Certificate {
    return this.present;
  }

  /** The platform's context, parsed once for each certificate: parsing takes longer than a handshake. */
  get native(): object {
    return this.parsed;
  }

  get settings(): PemSettings {
    return settingsOf(this.present);
  }

  /**
   * Uses `certificate` for all handshakes from now on, and `authorities` as in the constructor; connections stay.
   * @throws what the platform finds wrong with the pair: nothing has changed then.
   */
  replace(certificate: Certificate, authorities?: string): void {
    this.parsed = parsedOf(certificate, authorities);
    this.present = certificate;
    for (const renewed of this.listeners) renewed();
  }

  /** Calls `renewed`, which must not throw, after each `replace`. Returns how to end that. */
  onRenewal(renewed: () => void): () => void {
    this.listeners.add(renewed);
    return () => void this.listeners.delete(renewed);
  }
}

function settingsOf({ pem }: Certificate): PemSettings {
  return { cert: pem.certificate, key: pem.key, ciphers, secureOptions };
}

function parsedOf(certificate: Certificate, authorities: string | undefined): object {
  const peers = { ca: authorities, requestCert: true, rejectUnauthorized: true, secureOptions: mutualOptions };
  const settings: SecureContextOptions = { ...settingsOf(certificate), ...(authorities !== undefined && peers) };
  const { context } = createSecureContext(settings);
  if (typeof context !== "object" || context === null) throw new Error("the platform returned no TLS context");
  return context;
}
