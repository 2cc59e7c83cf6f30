// What roost cert does with each node: judged for all of them before the first file is written.

import type { X509Certificate } from "node:crypto";
import { StartError } from "../usage-error.ts";
import type { Authority } from "./authority.ts";
import { idsIn, pairPaths } from "./folder.ts";
import { certificatesIn, expiresSoon, fromMsOf, isFileAt, namesOf, privateKeyIn, readPem, untilMsOf } from "./read.ts";

const dayMs = 86_400_000;

/** What is done with the certificate of a node. */
export interface Step {
  readonly id: string;
  readonly names: readonly string[];
  readonly action: "new" | "renewed" | "kept";
  /** Why it is renewed; '' otherwise. */
  readonly why: string;
  /** The end of the present certificate, if there is one; in milliseconds since 1970. */
  readonly untilMs: number | undefined;
}

/**
 * Plans for the wanted nodes and for all that have a certificate in the folder, sorted by id. Without an authority, the
 * folder must not have any file of a node. Throws StartError for a file that is not of this authority.
 */
export function planOf(
  folder: string,
  authority: Authority | undefined,
  wanted: ReadonlyMap<string, readonly string[]>,
  nowMs: number,
): Step[] {
  const ids = new Set([...wanted.keys(), ...idsIn(folder)]);
  return [...ids].toSorted().map((id) => stepOf(folder, authority, id, wanted.get(id), nowMs));
}

function stepOf(
  folder: string,
  authority: Authority | undefined,
  id: string,
  wanted: readonly string[] | undefined,
  nowMs: number,
): Step {
  const paths = pairPaths(folder, id);
  const [hasCertificate, hasKey] = [isFileAt(paths.certificate), isFileAt(paths.key)];
  if (!hasCertificate) {
    if (hasKey)
      throw new StartError(`${paths.key} exists without ${paths.certificate}; move it away, so that it is not lost`);
    return { id, names: wanted ?? [], action: "new", why: "", untilMs: undefined };
  }
  const [certificate] = certificatesIn(readPem(paths.certificate), paths.certificate);
  if (certificate === undefined || authority === undefined || !isOf(authority, certificate, id))
    throw new StartError(
      `${paths.certificate} is not the certificate of ${id} by the authority of ${folder}; move it away`,
    );
  const present = namesOf(certificate);
  const names = wanted ?? present;
  // The key may have been removed after it was copied to its node.
  const fits = !hasKey || certificate.checkPrivateKey(privateKeyIn(readPem(paths.key), paths.key));
  const why = fits ? whyRenew(certificate, present, names, nowMs) : "its key does not fit";
  return { id, names, action: why === "" ? "kept" : "renewed", why, untilMs: untilMsOf(certificate) };
}

function isOf({ certificate }: Authority, issued: X509Certificate, id: string): boolean {
  return issued.verify(certificate.publicKey) && issued.subject === `CN=${id}`;
}

/** Returns why a certificate is to be renewed; '' if it is not. */
function whyRenew(
  certificate: X509Certificate,
  present: readonly string[],
  names: readonly string[],
  nowMs: number,
): string {
  const [fromMs, untilMs] = [fromMsOf(certificate), untilMsOf(certificate)];
  if (nowMs >= untilMs) return "it has expired";
  if (nowMs < fromMs) return "it is not valid yet";
  if (present.toSorted().join() !== names.toSorted().join()) return `its names were ${present.join(", ")}`;
  if (!expiresSoon(certificate, nowMs)) return "";
  const leftMs = untilMs - nowMs;
  return leftMs < dayMs ? "it expires within a day" : `it expires in ${Math.floor(leftMs / dayMs)} days`;
}
