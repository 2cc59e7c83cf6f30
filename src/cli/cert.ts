// roost cert: makes the private authority of a cluster and a certificate for each node. The same command again adds
// nodes and renews certificates. Everything is judged before the first file is written.

import { X509Certificate } from "node:crypto";
import { resolve } from "node:path";
import { changerOf } from "../base/file-trust.ts";
import { type Authority, readAuthority } from "./cert/authority.ts";
import { isFolderAt, makeFolder, pairPaths, removeDrafts, writePair } from "./cert/folder.ts";
import { whileLocked } from "./cert/lock.ts";
import { planOf, type Step } from "./cert/plan.ts";
import { privateKeyIn, shownTime, statsAt, untilMsOf } from "./cert/read.ts";
import { printLines, say } from "./command-output.ts";
import type { OptionValues } from "./option-values.ts";
import { tableLines } from "./text-table.ts";
import { UsageError } from "./usage-error.ts";

const authorityMs = 3_650 * 86_400_000;
/** A cell that is longer shifts the rest of its line. */
const columnsMax = 60;

/** Makes and renews certificates; prints a line for each. Throws StartError, UsageError. */
export async function cert(values: OptionValues): Promise<void> {
  const folder = resolve(values.required("dir"));
  const [wanted, validMs] = [values.required("nodes"), values.required("valid-for")];
  const isThere = isFolderAt(folder);
  if (!isThere && wanted.size === 0) throw nothingToDo(folder);
  if (!isThere) makeFolder(folder);
  await whileLocked(folder, () => certIn(folder, wanted, validMs));
}

async function certIn(folder: string, wanted: ReadonlyMap<string, readonly string[]>, validMs: number): Promise<void> {
  const nowMs = Date.now();
  const known = readAuthority(folder, nowMs);
  if (known === undefined && wanted.size === 0) throw nothingToDo(folder);
  if (known !== undefined) warnOfReaders(pairPaths(folder, "ca").key);
  const steps = planOf(folder, known, wanted, nowMs);
  removeDrafts(folder);
  const authority = known ?? (await makeAuthority(folder, nowMs));
  const authorityUntilMs = untilMsOf(authority.certificate);
  const untilMs = Math.min(nowMs + validMs, authorityUntilMs);
  const changes = steps.filter(({ action }) => action !== "kept");
  if (changes.length > 0) await issueAll(folder, authority, changes, nowMs, untilMs);
  const paths = pairPaths(folder, "ca");
  const made = known === undefined ? "new" : "kept";
  await printLines([
    ...tableLines(
      [
        [paths.certificate, made, shownTime(authorityUntilMs), "the authority, which every node needs"],
        [paths.key, made, "", "signs certificates; no node needs it: keep it here, and a copy in a safe place"],
        ...steps.map((step) => rowOf(folder, step, untilMs)),
      ],
      columnsMax,
    ),
  ]);
  if (changes.length > 0) say("copy ca.crt and the node's own two files to each node; never ca.key");
  if (changes.length > 0 && untilMs === authorityUntilMs)
    say(`the certificates end with the authority, at ${shownTime(untilMs)}: make a new one in another folder by then`);
}

function nothingToDo(folder: string): UsageError {
  return new UsageError(
    `--nodes is required, because ${folder} has no authority yet: expected id=host,… such as ` +
      "gateway-1=10.0.0.5,chat-1=10.0.0.6,chat-1=chat1.internal",
  );
}

function warnOfReaders(path: string): void {
  const stats = statsAt(path);
  if (stats !== undefined && ((stats.mode & 0o077) !== 0 || changerOf(stats) !== undefined))
    say(`other users can read ${path}, and so pass for every node; chown it and chmod 600 it`);
}

function rowOf(folder: string, { id, names, action, why, untilMs }: Step, issuedUntilMs: number): string[] {
  const until = action === "kept" ? (untilMs ?? issuedUntilMs) : issuedUntilMs;
  const reason = why === "" ? "" : ` (${why})`;
  return [pairPaths(folder, id).certificate, action, shownTime(until), `${names.join(", ")}${reason}`];
}

async function makeAuthority(folder: string, nowMs: number): Promise<Authority> {
  const { issueAuthority } = await import("../auth/issue-certificate.ts");
  const issued = await issueAuthority({ nowMs, untilMs: nowMs + authorityMs });
  const paths = pairPaths(folder, "ca");
  writePair(paths, issued, false);
  return { certificate: new X509Certificate(issued.certificate), key: privateKeyIn(issued.key, paths.key) };
}

async function issueAll(
  folder: string,
  authority: Authority,
  steps: readonly Step[],
  nowMs: number,
  untilMs: number,
): Promise<void> {
  const { issueNode } = await import("../auth/issue-certificate.ts");
  const issuer = { certificate: authority.certificate.toString(), key: authority.key };
  for (const { id, names, action } of steps) {
    const issued = await issueNode(issuer, id, names, { nowMs, untilMs });
    writePair(pairPaths(folder, id), issued, action === "renewed");
  }
}
