// Runs checks: all at once, each within its time. One that fails by a bug says so, and hides no other.

import { SessionsUnavailable } from "../../session/sessions.ts";
import { Refusal } from "../../store/sqlite/refusal.ts";
import { StoreUnavailable } from "../../store/store.ts";
import { OwnAddressUnknown } from "../../transport/address.ts";
import { BadCertificate } from "../../transport/tls/certificate.ts";
import { sentenceOf } from "../failure.ts";
import { StartError, UsageError } from "../usage-error.ts";
import { type Check, type Finding, problem, type Subject, warning } from "./finding.ts";

/** The time limit of a check. What waits for another machine gives up earlier and says for which. */
const checkMsMax = 5_000;

/** A finding and the check that has it. */
export interface Line extends Finding {
  readonly check: string;
}

/** Runs the checks of the subject's role; returns their findings, in the order of the checks. Never rejects. */
export async function examine(
  checks: readonly Check[],
  subject: Subject,
  limitMs = checkMsMax,
): Promise<readonly Line[]> {
  const own = checks.filter(({ of }) => of.includes(subject.role));
  const found = await Promise.all(own.map((check) => withinTime(check, subject, limitMs)));
  const lines = own.flatMap(({ name }, at) =>
    (found[at] ?? []).map(({ level, text }) => ({ check: name, level, text })),
  );
  return withoutEchoes(lines);
}

async function withinTime(check: Check, subject: Subject, limitMs: number): Promise<readonly Finding[]> {
  const late = Promise.withResolvers<readonly Finding[]>();
  const timer = setTimeout(() => late.resolve([problem(`no answer within ${limitMs / 1_000} s`)]), limitMs);
  try {
    return await Promise.race([check.run(subject), late.promise]);
  } catch (error) {
    return [problem(isCorrectable(error) ? sentenceOf(error) : bugSentence(error))];
  } finally {
    clearTimeout(timer);
  }
}

const correctable = [
  StartError,
  UsageError,
  StoreUnavailable,
  SessionsUnavailable,
  Refusal,
  OwnAddressUnknown,
  BadCertificate,
];

/** Reports whether an error is about the options or this machine, and no bug. */
function isCorrectable(error: unknown): boolean {
  return correctable.some((kind) => error instanceof kind);
}

function bugSentence(error: unknown): string {
  const [where = ""] = (error instanceof Error ? (error.stack ?? "") : "").match(/\S+\.ts:\d+/) ?? [];
  return `the check itself failed, which is a bug; please report it: ${sentenceOf(error)}${where && ` (${where})`}`;
}

/** One wrong value can keep several checks from running: it is told once. */
function withoutEchoes(lines: readonly Line[]): readonly Line[] {
  const told = new Map<string, string>();
  return lines.map((line) => {
    if (line.level !== "problem") return line;
    const first = told.get(line.text);
    if (first === undefined) told.set(line.text, line.check);
    return first === undefined || first === line.check
      ? line
      : { check: line.check, ...warning(`not checked, because of the problem of "${first}"`) };
  });
}
