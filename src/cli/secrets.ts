// Reads the keys of client tokens and the cluster keys: from an option, a file, or the data folder. The log shows their
// fingerprints, so that operators can compare several processes.

import { existsSync } from "node:fs";
import { type Issuer, type IssuerLine, readIssuer } from "../auth/issuers.ts";
import {
  type AppKey,
  ensureSecret,
  fingerprintOf,
  SecretError,
  secretFromText,
  secretPath,
  secretsFromFile,
} from "../auth/secret.ts";
import { fingerprintsOf, type TokenKeys } from "../auth/token.ts";
import { BadFile } from "../base/json-file.ts";
import type { Log } from "../base/log.ts";
import { UnreadableFile } from "../base/small-file.ts";
import { sentenceOf } from "./failure.ts";
import type { OptionValues } from "./option-values.ts";
import type { OptionName } from "../options/options.ts";
import { StartError, UsageError } from "./usage-error.ts";

const rootUid = 0;

/** The keys of client tokens. */
interface Secrets extends TokenKeys {
  /** Names the option or file in messages. */
  readonly source: string;
  /** The path of the secret file, if it was created now. */
  readonly madeAt: string | undefined;
  /** Reads the file again, and those that it names; undefined if the key was given as text. Throws StartError. */
  readonly again: (() => TokenKeys) | undefined;
  /** Reads the files of public keys of these issuers again. Throws StartError. */
  readonly issuersAgain: (issuers: readonly IssuerLine[]) => readonly Issuer[];
}

/**
 * Reads the keys of client tokens; with `make`, creates one in the data folder if necessary. Throws StartError if there
 * is none, or one is unusable.
 */
export function readSecrets(values: OptionValues, dataFolder: string, make: boolean, log?: Log): Secrets {
  return asStartError(() => {
    const given = readGiven(values, "secret", "secret-file", log);
    const path = secretPath(dataFolder);
    const isNew = given === undefined && make && createSecret(dataFolder);
    if (given === undefined && !existsSync(path)) {
      throw new StartError(
        `there is no secret at ${path}; start the server first, or name its folder with --data or its secret file ` +
          `with --secret-file`,
      );
    }
    const read = given ?? keysOfFile(path, "the data folder's own", log);
    const { keys, appKeys } = read;
    const issuers = issuersOf(read.issuerLines, log, true);
    const fingerprints = fingerprintsOf({ keys, appKeys, issuers }).join(" ");
    const apps = new Set([...appKeys, ...issuers].map(({ app }) => app)).size;
    log?.info("client tokens are verified with these keys; the first one signs", {
      keys: keys.length,
      fingerprints,
      ...(apps === 0 ? {} : { appsWithKeys: apps }),
      ...(issuers.length === 0 ? {} : { issuers: issuers.length }),
    });
    const source = given?.source ?? path;
    const whose = given === undefined ? "the data folder's own" : "given";
    const again = (): TokenKeys =>
      asStartError(() => {
        const fresh = keysOfFile(source, whose, log, false);
        return { ...fresh, issuers: issuersOf(fresh.issuerLines, log, false) };
      });
    return {
      keys,
      appKeys,
      issuers,
      source,
      madeAt: isNew ? path : undefined,
      again: values.isGiven("secret") ? undefined : again,
      issuersAgain: (lines) => asStartError(() => issuersOf(lines, log, false)),
    };
  });
}

/** Reads the keys that an option gives: members of a cluster create none. Throws StartError, UsageError. */
export function readGivenSecrets(values: OptionValues, log: Log): Secrets {
  if (!values.isGiven("secret") && !values.isGiven("secret-file"))
    throw new UsageError(
      "--secret-file is required: expected a file with the key that signs client tokens, the same for all gateways",
    );
  return readSecrets(values, "", false, log);
}

interface GivenClusterKeys {
  /** Empty if no option gives one. */
  readonly keys: readonly Uint8Array[];
  /** Reads the file again; undefined without a file. Throws StartError. */
  readonly again: (() => readonly Uint8Array[]) | undefined;
}

/** Reads the cluster keys. Throws StartError if one is unusable. */
export function readClusterKeys(values: OptionValues, log: Log): GivenClusterKeys {
  return asStartError(() => {
    const given = readGiven(values, "cluster-key", "cluster-key-file", log) ?? noKeys;
    const { source } = given;
    const keys = sharedKeys(given, source);
    const again = (): readonly Uint8Array[] =>
      asStartError(() => sharedKeys(keysOfFile(source, "given", log, false), source));
    const fingerprints = keys.map(fingerprintOf).join(" ");
    if (keys.length > 0)
      log.info("members of the cluster share these keys; this one presents the first", {
        keys: keys.length,
        fingerprints,
      });
    return { keys, again: given === noKeys || values.isGiven("cluster-key") ? undefined : again };
  });
}

function sharedKeys({ keys, appKeys, issuerLines }: KeyFile, source: string): readonly Uint8Array[] {
  if (appKeys.length + issuerLines.length > 0)
    throw new StartError(`${source}: keys for single apps ([app kid] key) are for client tokens only; remove them`);
  return keys;
}

/** What a file of keys holds. */
interface KeyFile {
  readonly keys: readonly Uint8Array[];
  readonly appKeys: readonly AppKey[];
  readonly issuerLines: readonly IssuerLine[];
}

interface Given extends KeyFile {
  readonly source: string;
}

const noKeys: Given = { keys: [], appKeys: [], issuerLines: [], source: "" };

/** Reads the keys that one of two options gives; undefined if neither is given. */
function readGiven(values: OptionValues, text: OptionName, file: OptionName, log: Log | undefined): Given | undefined {
  if (values.isGiven(text) && values.isGiven(file))
    throw new StartError(`${values.sourceOf(text)} and ${values.sourceOf(file)} are both given; keep one`);
  const [secret, path] = [values.optional(text), values.optional(file)];
  if (typeof secret === "string") {
    const source = values.sourceOf(text);
    return { keys: [secretFromText(secret, source)], appKeys: [], issuerLines: [], source };
  }
  if (typeof path !== "string") return undefined;
  try {
    return { ...keysOfFile(path, "given", log), source: path };
  } catch (error) {
    // A gateway reads two files: the option says which one is wrong.
    if (error instanceof SecretError) throw new SecretError(`${values.sourceOf(file)}: ${error.message}`);
    throw error;
  }
}

/**
 * Reads the keys of a file. Refuses a file that everybody can change and, in the data folder, one that another user
 * created before the server did. Warns if others can change or read the file.
 */
function keysOfFile(
  path: string,
  whose: "given" | "the data folder's own",
  log: Log | undefined,
  waits = true,
): KeyFile {
  const { changer, isReadableByOthers, ...read } = secretsFromFile(path, waits);
  const isForeign = changer?.startsWith("user ") === true && process.geteuid?.() !== rootUid;
  if (changer === "everybody" || (isForeign && whose === "the data folder's own"))
    throw new StartError(
      `the secret file ${path} can be changed by ${changer}; create a new secret in a file that only this user can ` +
        `read and write (chmod 600)`,
    );
  for (const apps of sharersIn(read))
    log?.warn("apps share a key, and whoever has it signs in as users of each; give every app a key of its own", {
      path,
      apps: apps.join(", "),
    });
  if (isCredential(path)) return read;
  if (changer !== undefined)
    log?.warn("other users can change the secret file; chown it and chmod 600 it", { path, changer });
  else if (isReadableByOthers) log?.warn("other users can read the secret file; chmod 600 it", { path });
  return read;
}

/** Returns those who share each key that several have. */
function sharersIn({ keys, appKeys }: Pick<KeyFile, "keys" | "appKeys">): string[][] {
  const all = [
    ...appKeys.map(({ app, key }) => ({ key, who: JSON.stringify(app) })),
    ...keys.map((key) => ({ key, who: "all without keys of their own" })),
  ];
  const byKey = Map.groupBy(all, ({ key }) => Buffer.from(key).toString("latin1"));
  return [...byKey.values()].map((same) => [...new Set(same.map(({ who }) => who))]).filter(({ length }) => length > 1);
}

/**
 * Reports whether a file is a systemd credential. Only this service can open its folder; the file's mode may show group
 * bits, which are the mask of an access control list.
 */
function isCredential(path: string): boolean {
  const credentials = process.env["CREDENTIALS_DIRECTORY"] ?? "";
  return credentials !== "" && path.startsWith(`${credentials}/`);
}

/** Reads the public keys of all issuers. Refuses a file that everybody can change. Throws UnreadableFile, BadFile. */
function issuersOf(lines: readonly IssuerLine[], log: Log | undefined, waits: boolean): Issuer[] {
  return lines.map((line) => {
    const { app, path } = line;
    const { issuer, skipped, changer } = readIssuer(line, waits);
    if (changer === "everybody")
      throw new StartError(
        `everybody can change ${path}, the public keys of the app ${app}, and so make tokens; chmod 644 it`,
      );
    if (changer !== undefined) log?.warn("other users can change a file of public keys; chown it", { path, changer });
    for (const reason of skipped) log?.warn("a public key is skipped: it verifies no tokens", { path, reason });
    return issuer;
  });
}

/** Creates the secret unless it exists; reports whether it did. */
function createSecret(dataFolder: string): boolean {
  try {
    return ensureSecret(dataFolder);
  } catch (error) {
    throw new StartError(`cannot create a secret in ${dataFolder}: ${sentenceOf(error)}; give one with --secret-file`);
  }
}

function asStartError<Value>(read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    if (error instanceof SecretError || error instanceof UnreadableFile || error instanceof BadFile)
      throw new StartError(error.message);
    throw error;
  }
}
