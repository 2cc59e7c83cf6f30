// roost token: a token for a client, signed with the server's own secret.

import { resolve } from "node:path";
import { validName } from "../auth/names.ts";
import { signToken } from "../auth/token.ts";
import type { OptionValues } from "./options.ts";
import { readSecrets } from "./secrets.ts";
import { UsageError } from "./usage-error.ts";

/** Makes a token for `account` in the app that the options name. */
export async function makeToken(values: OptionValues, account: string, ttlMs: number): Promise<string> {
  const app = values.required("app");
  for (const [option, name] of [
    ["account", account],
    ["app", app],
  ] as const) {
    if (!validName(name))
      throw new UsageError(
        `--${option} takes 1 to 60 characters without commas, control characters or surrounding spaces`,
      );
  }
  const { keys } = readSecrets(values, resolve(values.required("data")), false);
  const [key] = keys;
  if (key === undefined) throw new UsageError("there is no secret to sign with");
  return signToken(key, { account, app, ttlSeconds: Math.max(1, Math.floor(ttlMs / 1000)) });
}

/** Prints a token. */
export async function printToken(values: OptionValues): Promise<void> {
  const account = values.required("account", "is required: whose token is it?");
  process.stdout.write(`${await makeToken(values, account, values.required("ttl"))}\n`);
}
