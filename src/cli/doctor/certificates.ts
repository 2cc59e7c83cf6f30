// Whether a certificate is valid, and how long.

import { Notes, ok, type Check, type Finding, problem, type Subject, warning } from "./finding.ts";
import type { Role } from "../../options/option.ts";
import type { Certificate } from "../../transport/tls/certificate.ts";
import { expiresSoon } from "../cert/read.ts";

const dayMs = 86_400_000;

/** Returns the check of a pair that options name. `read` judges it as the server does; undefined: none is given. */
export function certificateCheck(
  name: string,
  of: readonly Role[],
  read: (subject: Subject, notes: Notes) => Certificate | undefined,
): Check {
  return {
    name,
    of,
    run(subject) {
      const notes = new Notes();
      const certificate = read(subject, notes);
      if (certificate === undefined) return notes.findings;
      return [...expiryOf(certificate, Date.now()), ...notes.findings];
    },
  };
}

/** Judges when the first certificate of a chain ends. */
function expiryOf({ chain, names }: Certificate, nowMs: number): readonly Finding[] {
  return chain.flatMap((certificate, at): Finding[] => {
    const untilMs = Date.parse(certificate.validTo);
    const left = `${Math.floor((untilMs - nowMs) / dayMs)} days left, until ${new Date(untilMs).toISOString()}`;
    const whose =
      at === 0 ? `for ${names || "no name"}` : `of its issuer ${certificate.subject.replaceAll("\n", ", ")}`;
    if (untilMs <= nowMs) return [problem(`${whose}: it has expired; renew it`)];
    if (expiresSoon(certificate, nowMs)) return [warning(`${whose}: ${left}; renew it`)];
    return at === 0 ? [ok(`${whose}: ${left}`)] : [];
  });
}
