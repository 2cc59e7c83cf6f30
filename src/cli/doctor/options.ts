// Whether the options are those of a server that starts.

import { fileScheme } from "../../options/engines.ts";
import { optionsOfRole } from "../../options/options.ts";
import { parseLookupFile } from "../../registry/lookup/lookup-file.ts";
import { readRules } from "../rules-file.ts";
import { limitsOf } from "../serve/limits.ts";
import { selectionOf } from "../serve/member.ts";
import {
  requiredSessions,
  requiredStore,
  requireDoor,
  requireOwnOptions,
  requireRegistry,
  requireStandaloneStores,
} from "../serve/requirements.ts";
import { UsageError } from "../usage-error.ts";
import { type Finding, Notes, ok, problem, type Subject, warning } from "./finding.ts";

/** Judges all options of the role; what each one's file holds is for other checks. */
export function checkOptions(subject: Subject): readonly Finding[] {
  const { values, role } = subject;
  const found = [...values.warnings.map(warning), ...valuesOf(subject)];
  if (!found.some(({ level }) => level === "problem")) {
    const notes = new Notes();
    const limits = (): unknown => limitsOf(values, role, notes);
    found.push(
      ...[() => requireOwnOptions(values, role), limits, ...needsOf(subject)].flatMap(faultOf),
      ...notes.findings,
    );
  }
  return found.length === 0 ? [ok(`those of the role ${role}`)] : found;
}

/** Each value by itself. */
function valuesOf({ values, role }: Subject): Finding[] {
  return optionsOfRole(role).flatMap((name) => faultOf(() => values.layers(name)));
}

function needsOf({ values, role }: Subject): readonly (() => unknown)[] {
  switch (role) {
    case "standalone":
      return [() => requireStandaloneStores(values)];
    case "gateway":
      return [() => requireDoor(values), () => requireRegistry(values, role)];
    case "login":
      return [() => requireRegistry(values, role), () => requiredSessions(values)];
    case "chat":
      return [() => requireRegistry(values, role), () => requiredSessions(values), () => requiredStore(values)];
    case "discovery":
      return [];
  }
}

function faultOf(judge: () => unknown): Finding[] {
  try {
    judge();
    return [];
  } catch (error) {
    if (error instanceof UsageError) return [problem(error.message)];
    throw error;
  }
}

/** Reads the file of --route or --lookup. */
export function checkRules({ values, role }: Subject): readonly Finding[] {
  const notes = new Notes();
  if (role === "gateway") {
    const selection = selectionOf(values, notes);
    return selection.name === "route" ? notes.or(selection.path) : notes.findings;
  }
  const path = values.optional("lookup");
  if (path === undefined) return [];
  readRules(path, values.sourceOf("lookup"), notes, parseLookupFile);
  return notes.or(path);
}

/** Returns the path of `sqlite:PATH`; undefined for the URL of a server. */
export function fileOf(url: string): string | undefined {
  return url.startsWith(fileScheme) ? url.slice(fileScheme.length) : undefined;
}
