// Whether the stores of messages and sessions answer, and are of this program and version.

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { lookAtRedis } from "../../session/redis/look.ts";
import { redacted } from "../../session/redis/redis-link.ts";
import { SessionsUnavailable } from "../../session/sessions.ts";
import { hostUrls } from "../../store/host-list.ts";
import { placeOf } from "../../store/postgres/client.ts";
import { lookAtDatabase } from "../../store/postgres/migrate.ts";
import { lookAtHosts } from "../../store/postgres/primary/standbys.ts";
import { versionInHeader } from "../../store/sqlite/store-file.ts";
import { StoreUnavailable } from "../../store/store.ts";
import { codeOf, sentenceOf } from "../failure.ts";
import { requiredSessions, requiredStore } from "../serve/requirements.ts";
import { storeUrlOf } from "../store-place.ts";
import { clockFindings } from "./clocks.ts";
import { type Finding, ok, problem, type Subject, warning } from "./finding.ts";
import { faultOfFile } from "./files.ts";
import { fileOf } from "./options.ts";

/** Looks at the message store: a file by its header, a database by asking it. */
export async function checkStore({ values, role }: Subject): Promise<readonly Finding[]> {
  const url = role === "standalone" ? storeUrlOf(values) : requiredStore(values);
  const file = fileOf(url);
  if (file !== undefined) return checkFile(resolve(file), values.sourceOf("store"));
  return hostUrls(url).length === 1 ? checkDatabase(hostUrls(url)[0]) : checkHosts(url, values.required("store-async"));
}

/** Looks at all servers that a URL names, and at the database of the one that is the primary. */
async function checkHosts(url: string, isAsync: boolean): Promise<readonly Finding[]> {
  try {
    const { url: primary, sentence, warnings, fault } = await lookAtHosts(url);
    const found = [ok(sentence), ...warnings.map(warning)];
    if (fault !== undefined) found.push(isAsync ? warning(fault) : problem(`${fault}, or use --store-async`));
    return [...found, ...(await checkDatabase(primary))];
  } catch (error) {
    if (error instanceof StoreUnavailable) return [problem(`${placeOf(url)}: ${error.message}`)];
    throw error;
  }
}

function checkFile(path: string, source: string): readonly Finding[] {
  const fault = accessFault(path, source);
  if (fault !== undefined) return fault;
  const version = versionInHeader(path);
  // The tables of a new file may be in its log only.
  return [ok(version === 0 ? path : `${path}, schema ${version}`)];
}

/** What keeps a file from being opened; that it is made later, if it does not exist; undefined if nothing does. */
function accessFault(path: string, source: string): readonly Finding[] | undefined {
  const fault = faultOfFile(path);
  if (fault !== undefined) return [problem(`${source}: cannot open ${path}: ${fault}`)];
  return existsSync(path) ? undefined : [ok(`${path}, which the first start makes`)];
}

async function checkDatabase(url: string): Promise<readonly Finding[]> {
  const place = placeOf(url);
  const askedMs = Date.now();
  try {
    const { version, clockMs, isStandby, mayCreate } = await lookAtDatabase(url);
    const clocks = clockFindings(`the database ${place}`, {
      fromMs: clockMs,
      toMs: clockMs,
      askedMs,
      heardMs: Date.now(),
    });
    const found: Finding[] = [...clocks];
    if (isStandby) found.push(problem(`${place} is a standby, which takes no writes; name the primary server`));
    if (version === undefined && !mayCreate)
      found.push(problem(`${place} has no store, and this user may not create one; GRANT CREATE ON DATABASE`));
    if (found.length > 0) return found;
    return [ok(`${place}, ${version === undefined || version === 0 ? "without a store yet" : `schema ${version}`}`)];
  } catch (error) {
    if (error instanceof StoreUnavailable) return [problem(`${place}: ${error.message}`)];
    throw error;
  }
}

/** Looks at the store of the sessions that services share. */
export async function checkSessions({ values }: Subject): Promise<readonly Finding[]> {
  const url = requiredSessions(values);
  const file = fileOf(url);
  if (file !== undefined) {
    const path = resolve(file);
    return accessFault(path, values.sourceOf("sessions")) ?? [ok(path)];
  }
  const place = redacted(url);
  try {
    const { version, eviction, isReplica } = await lookAtRedis(url);
    if (isReplica) return [problem(`${place} is a replica, which takes no writes; name the primary server`)];
    return [eviction === "" ? ok(`${place}, version ${version}`) : warning(`${place}: ${eviction}`)];
  } catch (error) {
    if (error instanceof SessionsUnavailable) return [problem(`${place}: ${error.message}`)];
    // A malformed URL.
    if (codeOf(error) !== "") return [problem(sentenceOf(error))];
    throw error;
  }
}
