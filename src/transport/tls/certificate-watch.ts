// Takes a renewed certificate while the process serves: on demand (SIGHUP), and by looking at the files once a second,
// which notices a file that is written, renamed over the old one, or reached by another symbolic link. A pair that is
// refused changes nothing: the present one stays.

import { statSync } from "node:fs";
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { reasonOf } from "../../base/reason-of.ts";
import { type Cancel, every, type Timers } from "../../base/timers.ts";
import { type Certificate, type CertificateFiles, readCertificate } from "./certificate.ts";
import type { TlsContext } from "./tls-context.ts";

/** Between two looks, in milliseconds. */
const lookMs = 1_000;

/** A certificate in use, and where it comes from. */
export interface CertificateSource {
  /** For the log, such as "TLS certificate". */
  readonly title: string;
  /** The paths of its files. */
  readonly paths: readonly string[];
  /** The present one. */
  readonly certificate: Certificate;
  /**
   * Reads the files, and uses what they hold if that is new.
   * @returns whether it is new.
   * @throws what is wrong with the files; the present certificate stays then.
   */
  readAgain(nowMs: number): boolean;
}

/** The certificate of the clients' listeners. */
export function listenerSource(context: TlsContext, files: CertificateFiles): CertificateSource {
  return {
    title: "TLS certificate",
    paths: [files.certificate, files.key],
    get certificate() {
      return context.certificate;
    },
    readAgain(nowMs) {
      const certificate = readCertificate(files, nowMs);
      const { pem } = context.certificate;
      if (certificate.pem.certificate === pem.certificate && certificate.pem.key === pem.key) return false;
      context.replace(certificate);
      return true;
    },
  };
}

interface WatchParts {
  readonly source: CertificateSource;
  readonly timers: Timers;
  readonly clock: Pick<Clock, "wallMs">;
  readonly log: Log;
}

/** Watches the files of one certificate until `stop`. */
export class CertificateWatch {
  /** Certificates that were taken, and pairs that were refused, since the start. */
  reloads = 0;
  refusals = 0;
  private readonly parts: WatchParts;
  private readonly cancel: Cancel;
  /** What the files were when they were read last. */
  private seen: string;
  /** A new pair is two files: what was refused while they changed is read again. */
  private isRefused = false;

  constructor(parts: WatchParts) {
    this.parts = parts;
    // The files may have changed since they were read at the start: the first look reads them in any case.
    this.seen = "";
    this.cancel = every(parts.timers, lookMs, () => this.look());
  }

  stop(): void {
    this.cancel();
  }

  /** Reads the files now. Returns a sentence for the log. */
  reload(): string {
    const { source } = this.parts;
    const before = source.certificate.fingerprint;
    this.seen = this.stateOfFiles();
    if (!this.read(true)) return `the ${source.title} was not changed`;
    const isSame = source.certificate.fingerprint === before;
    return `the ${source.title} ${isSame ? "is the same as before" : "was read again"}`;
  }

  /** Seconds until the present certificate expires; negative afterwards. */
  get expirySeconds(): number {
    return Math.floor((this.parts.source.certificate.expiryMs - this.parts.clock.wallMs()) / 1_000);
  }

  private look(): void {
    const state = this.stateOfFiles();
    if (state === this.seen) return;
    this.seen = state;
    this.read(false);
  }

  /** Returns false if the pair was refused. */
  private read(isAsked: boolean): boolean {
    const { source, clock, log } = this.parts;
    try {
      if (source.readAgain(clock.wallMs())) {
        this.reloads++;
        const { names, fingerprint, expiryMs, warnings } = source.certificate;
        log.info(`new connections get the renewed ${source.title}`, {
          names,
          fingerprint,
          expires: new Date(expiryMs).toISOString(),
        });
        for (const warning of warnings) log.warn(warning);
      } else if (this.isRefused && !isAsked) log.info(`the files of the ${source.title} hold the present one again`);
      this.isRefused = false;
      return true;
    } catch (error) {
      this.isRefused = true;
      this.refusals++;
      log.error(`the ${source.title} is refused and the old one stays`, { reason: reasonOf(error) });
      return false;
    }
  }

  private stateOfFiles(): string {
    return this.parts.source.paths.map(stateOf).join(";");
  }
}

function stateOf(path: string): string {
  try {
    const stats = statSync(path, { bigint: true });
    return [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(" ");
  } catch (error) {
    return reasonOf(error);
  }
}
