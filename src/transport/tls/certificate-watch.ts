// Takes a renewed certificate while the process serves: on demand (SIGHUP), and within a second of a change of its
// files. A pair that is refused changes nothing: the present one stays.

import type { Clock } from "../../base/clock.ts";
import { FileWatch } from "../../base/file-watch.ts";
import type { Log } from "../../base/log.ts";
import { reasonOf } from "../../base/reason-of.ts";
import type { Timers } from "../../base/timers.ts";
import { type Certificate, type CertificateFiles, readCertificate } from "./certificate.ts";
import type { TlsContext } from "./tls-context.ts";

/** A certificate ends soon if this is left, and if it is less than this part of its life. */
const soonMs = 14 * 86_400_000;
const soonParts = 6;

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
  private readonly watch: FileWatch;
  /** A new pair is two files: what was refused while they changed is read again. */
  private isRefused = false;

  constructor(parts: WatchParts) {
    this.parts = parts;
    const { source, timers } = parts;
    this.watch = new FileWatch({ timers, paths: () => source.paths, changed: () => void this.read(false) });
  }

  stop(): void {
    this.watch.stop();
  }

  /** Reads the files now. Returns a sentence for the log. */
  reload(): string {
    const { source } = this.parts;
    const before = source.certificate.fingerprint;
    this.watch.skip();
    if (!this.read(true)) return `the ${source.title} was not changed`;
    const isSame = source.certificate.fingerprint === before;
    return `the ${source.title} ${isSame ? "is the same as before" : "was read again"}`;
  }

  /** Seconds until the present certificate expires; negative afterwards. */
  get expirySeconds(): number {
    return Math.floor((this.parts.source.certificate.expiryMs - this.parts.clock.wallMs()) / 1_000);
  }

  /** For an operator, while the present certificate ends soon although it should have been renewed; else ''. */
  get remark(): string {
    const { source, clock } = this.parts;
    const { chain, expiryMs } = source.certificate;
    const lifeMs = expiryMs - Date.parse(chain[0]?.validFrom ?? "");
    if (expiryMs - clock.wallMs() >= Math.min(soonMs, lifeMs / soonParts)) return "";
    return `the ${source.title} ends at ${new Date(expiryMs).toISOString()}; renew it: new files are read at once`;
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
}
