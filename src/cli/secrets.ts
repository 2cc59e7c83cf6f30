// The keys of client tokens and the key that services share, as the options say: given, in a file, or the data folder's
// own. A server's log names each by its fingerprint, so that operators can compare those of several processes.

import { existsSync } from "node:fs";
import {
  type AppKey,
  ensureSecret,
  fingerprintOf,
  SecretError,
  secretFromText,
  secretPath,
  secretsFromFile,
} from "../auth/secret.ts";
import type { TokenKeys } from "../auth/token.ts";
import type { Log } from "../base/log.ts";
import { sentenceOf } from "./failure.ts";
import type { OptionValues } from "./option-values.ts";
import type { OptionName } from "../options/options.ts";
import { StartError, UsageError } from "./usage-error.ts";

const rootUid = 0;

/** Keys, where they came from, and the path of the file that was made for them now. */
interface Secrets {
  readonly keys: readonly Uint8Array[];
  /** Of single apps. */
  readonly appKeys: readonly AppKey[];
  readonly source: string;
  readonly madeAt: string | undefined;
  /** Reads the same file again; undefined where the key was given as text. Throws as the first reading does. */
  readonly again: (() => TokenKeys) | undefined;
}

/** Reads the keys; `make` allows to make one in the data folder. Throws StartError when there is none, or a bad one. */
export function readSecrets(values: OptionValues, dataFolder: string, make: boolean, log?: Log): Secrets {
  return told(() => {
    const given = readGiven(values, "secret", "secret-file", log);
    const path = secretPath(dataFolder);
    const isNew = given === undefined && make && made(dataFolder);
    if (given === undefined && !existsSync(path)) {
      throw new StartError(
        `there is no secret at ${path}; start the server first, or name its folder with --data or its secret with ` +
          `--secret-file`,
      );
    }
    const { keys, appKeys } = given ?? keysOfFile(path, "the data folder's own", log);
    const fingerprints = keys.map(fingerprintOf).join(" ");
    const apps = new Set(appKeys.map(({ app }) => app)).size;
    log?.info("client tokens are verified with these keys; the first one signs", {
      ...{ keys: keys.length, fingerprints },
      ...(apps === 0 ? {} : { appsWithKeys: apps }),
    });
    const source = given?.source ?? path;
    const whose = given === undefined ? "the data folder's own" : "given";
    const again = (): TokenKeys => told(() => keysOfFile(source, whose, log, false));
    return {
      ...{ keys, appKeys, source, madeAt: isNew ? path : undefined },
      again: values.isGiven("secret") ? undefined : again,
    };
  });
}

/** The keys that were given by an option; a service of a cluster makes none. Throws StartError, UsageError. */
export function readGivenSecrets(values: OptionValues, log: Log): Secrets {
  if (!values.isGiven("secret") && !values.isGiven("secret-file"))
    throw new UsageError(
      "--secret-file is required: the key that client tokens are signed with, the same for all gateways",
    );
  return readSecrets(values, "", false, log);
}

/** The keys that services share. */
interface GivenClusterKeys {
  /** None if no option gives one. */
  readonly keys: readonly Uint8Array[];
  /** Reads the same file again; undefined where there is none. Throws as the first reading does. */
  readonly again: (() => readonly Uint8Array[]) | undefined;
}

/** Reads the keys that services share. Throws StartError if one is bad. */
export function readClusterKeys(values: OptionValues, log: Log): GivenClusterKeys {
  return told(() => {
    const given = readGiven(values, "cluster-key", "cluster-key-file", log) ?? noKeys;
    const { source } = given;
    const keys = sharedKeys(given, source);
    const again = (): readonly Uint8Array[] => told(() => sharedKeys(keysOfFile(source, "given", log, false), source));
    const fingerprints = keys.map(fingerprintOf).join(" ");
    if (keys.length > 0)
      log.info("services of the cluster share these keys; this one shows the first", {
        keys: keys.length,
        fingerprints,
      });
    return { keys, again: given === noKeys || values.isGiven("cluster-key") ? undefined : again };
  });
}

function sharedKeys({ keys, appKeys }: Omit<Given, "source">, source: string): readonly Uint8Array[] {
  if (appKeys.length > 0)
    throw new StartError(`${source}: keys of single apps, [app kid] key, are for client tokens; remove them here`);
  return keys;
}

interface Given {
  readonly keys: readonly Uint8Array[];
  readonly appKeys: readonly AppKey[];
  readonly source: string;
}

const noKeys: Given = { keys: [], appKeys: [], source: "" };

/** What one of two options says; undefined if neither is given. */
function readGiven(values: OptionValues, text: OptionName, file: OptionName, log: Log | undefined): Given | undefined {
  if (values.isGiven(text) && values.isGiven(file))
    throw new StartError(`${values.sourceOf(text)} and ${values.sourceOf(file)} are both given; keep one`);
  const [secret, path] = [values.optional(text), values.optional(file)];
  if (typeof secret === "string") {
    const source = values.sourceOf(text);
    return { keys: [secretFromText(secret, source)], appKeys: [], source };
  }
  if (typeof path !== "string") return undefined;
  try {
    return { ...keysOfFile(path, "given", log), source: path };
  } catch (error) {
    // A gateway reads two files: the option tells which one is meant.
    if (error instanceof SecretError) throw new SecretError(`${values.sourceOf(file)}: ${error.message}`);
    throw error;
  }
}

/**
 * The keys of a file. Refuses one that everybody can change and, in the data folder, one that another user has put
 * there before the server could make it. Warns of one that others can change or read.
 */
function keysOfFile(
  path: string,
  whose: "given" | "the data folder's own",
  log: Log | undefined,
  waits = true,
): Omit<Given, "source"> {
  const { keys, appKeys, changer, isReadableByOthers } = secretsFromFile(path, waits);
  const isForeign = changer?.startsWith("user ") === true && process.geteuid?.() !== rootUid;
  if (changer === "everybody" || (isForeign && whose === "the data folder's own"))
    throw new StartError(
      `the secret file ${path} can be changed by ${changer}, so it is no secret; make a new one that only this ` +
        `user can read and write (chmod 600)`,
    );
  const read = { keys, appKeys };
  if (isCredential(path)) return read;
  if (changer !== undefined)
    log?.warn("others can change the secret file; chown it, and chmod 600 it", { path, changer });
  else if (isReadableByOthers) log?.warn("others can read the secret file; chmod 600 it", { path });
  return read;
}

/**
 * True for one of systemd's credentials, whose folder is closed to all but this service: it may let the service in by
 * an access list, the mask of which stands where a mode has the bits of the group.
 */
function isCredential(path: string): boolean {
  const credentials = process.env["CREDENTIALS_DIRECTORY"] ?? "";
  return credentials !== "" && path.startsWith(`${credentials}/`);
}

function made(dataFolder: string): boolean {
  try {
    return ensureSecret(dataFolder);
  } catch (error) {
    throw new StartError(`cannot make a secret in ${dataFolder}: ${sentenceOf(error)}; give one with --secret-file`);
  }
}

function told<Value>(read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    if (error instanceof SecretError) throw new StartError(error.message);
    throw error;
  }
}
