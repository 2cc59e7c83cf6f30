// The keys of client tokens, as the options say: given, in a file, or the data folder's own.

import { existsSync } from "node:fs";
import {
  ensureSecret,
  isReadableByOthers,
  SecretError,
  secretFromText,
  secretPath,
  secretsFromFile,
} from "../auth/secret.ts";
import type { Log } from "../base/log.ts";
import { sentenceOf } from "./failure.ts";
import type { OptionValues } from "./options.ts";
import { StartError, UsageError } from "./usage-error.ts";

/** Keys, and the path of the file that was made for them now. */
export interface Secrets {
  readonly keys: readonly Uint8Array[];
  readonly madeAt: string | undefined;
}

/** Reads the keys; `make` allows to make one in the data folder. Throws StartError when there is none, or a bad one. */
export function readSecrets(values: OptionValues, dataFolder: string, make: boolean, log?: Log): Secrets {
  try {
    const secret = values.optional("secret");
    const file = values.optional("secret-file");
    if (secret !== undefined && file !== undefined)
      throw new StartError("--secret and --secret-file are both given; keep one");
    if (secret !== undefined) return { keys: [secretFromText(secret, "--secret")], madeAt: undefined };
    const path = file ?? secretPath(dataFolder);
    let isNew = false;
    if (file === undefined) {
      if (make) isNew = ensureSecret(dataFolder);
      else if (!existsSync(path)) {
        throw new StartError(
          `there is no secret at ${path}; start the server first, or name its folder with --data or its secret with --secret-file`,
        );
      }
    }
    const keys = secretsFromFile(path);
    if (isExposed(path)) log?.warn("others can read the secret file; chmod 600 it", { path });
    return { keys, madeAt: isNew ? path : undefined };
  } catch (error) {
    if (error instanceof SecretError) throw new StartError(error.message);
    if (error instanceof StartError) throw error;
    throw new StartError(`cannot make a secret in ${dataFolder}: ${sentenceOf(error)}; give one with --secret-file`);
  }
}

/**
 * True when others can read a file. Not so systemd's credentials, whose folder is closed to all but this service: it may
 * let the service in by an access list, the mask of which stands where a mode has the bits of the group.
 */
function isExposed(path: string): boolean {
  const credentials = process.env["CREDENTIALS_DIRECTORY"] ?? "";
  if (credentials !== "" && path.startsWith(`${credentials}/`)) return false;
  return isReadableByOthers(path);
}

/** The keys that were given by an option; a service of a cluster makes none. Throws StartError, UsageError. */
export function readGivenSecrets(values: OptionValues, log: Log): readonly Uint8Array[] {
  if (!values.isGiven("secret") && !values.isGiven("secret-file"))
    throw new UsageError(
      "--secret-file is required: the key that client tokens are signed with, the same for all gateways",
    );
  return readSecrets(values, "", false, log).keys;
}

/** The key that services share; undefined when there is none. Throws StartError when it is a bad one. */
export function readClusterKey(values: OptionValues, log: Log): Uint8Array | undefined {
  const key = values.optional("cluster-key");
  const path = values.optional("cluster-key-file");
  if (key !== undefined && path !== undefined)
    throw new StartError("--cluster-key and --cluster-key-file are both given; keep one");
  try {
    if (key !== undefined) return secretFromText(key, "--cluster-key");
    if (path === undefined) return undefined;
    const [first] = secretsFromFile(path);
    if (isExposed(path)) log.warn("others can read the cluster key; chmod 600 it", { path });
    return first;
  } catch (error) {
    if (error instanceof SecretError) throw new StartError(error.message);
    throw error;
  }
}
