// The authority of a cluster, from its files. It is judged before anything is written.

import type { KeyObject, X509Certificate } from "node:crypto";
import { StartError } from "../usage-error.ts";
import { pairPaths } from "./folder.ts";
import { certificatesIn, fromMsOf, isFileAt, privateKeyIn, readPem, shownTime, untilMsOf } from "./read.ts";

/** An authority that can issue certificates now. */
export interface Authority {
  readonly certificate: X509Certificate;
  /** P-256, and fits the certificate. */
  readonly key: KeyObject;
}

/** Returns the authority of a folder; undefined if it has none. Throws StartError if it cannot issue certificates. */
export function readAuthority(folder: string, nowMs: number): Authority | undefined {
  const paths = pairPaths(folder, "ca");
  const [hasCertificate, hasKey] = [isFileAt(paths.certificate), isFileAt(paths.key)];
  if (!hasCertificate && !hasKey) return undefined;
  if (!hasKey)
    throw new StartError(
      `${paths.key} is missing, and nothing else can issue certificates of ${paths.certificate}; put it back, or ` +
        "make a new authority in another folder (--dir)",
    );
  if (!hasCertificate)
    throw new StartError(
      `${paths.certificate} is missing, but ${paths.key} exists; put the certificate back, or move the key away if ` +
        "it never had one",
    );
  const [certificate] = certificatesIn(readPem(paths.certificate), paths.certificate);
  const key = privateKeyIn(readPem(paths.key), paths.key);
  if (certificate === undefined || !certificate.checkPrivateKey(key))
    throw new StartError(`${paths.key} does not fit ${paths.certificate}; put the right one back`);
  const isOurs = certificate.ca && key.asymmetricKeyDetails?.namedCurve === "prime256v1";
  if (!isOurs || !certificate.verify(certificate.publicKey))
    throw new StartError(`${paths.certificate} is not an authority that roost cert made; choose another --dir`);
  judgeTime(certificate, paths.certificate, nowMs);
  return { certificate, key };
}

function judgeTime(certificate: X509Certificate, path: string, nowMs: number): void {
  const now = shownTime(nowMs);
  if (nowMs < fromMsOf(certificate))
    throw new StartError(
      `${path} is not valid before ${shownTime(fromMsOf(certificate))}, and the clock says ${now}; set the clock`,
    );
  if (nowMs >= untilMsOf(certificate))
    throw new StartError(
      `${path} expired at ${shownTime(untilMsOf(certificate))}, and the clock says ${now}; make a new authority in ` +
        "another folder (--dir)",
    );
}
