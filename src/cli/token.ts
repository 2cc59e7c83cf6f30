// roost token: makes a token for a client, signed with the server's secret.

import { resolve } from "node:path";
import { fingerprintOf } from "../auth/secret.ts";
import { signingKeyOf } from "../auth/token-issuer.ts";
import { signToken } from "../auth/token.ts";
import { printLines, say } from "./command-output.ts";
import type { OptionValues } from "./option-values.ts";
import { readSecrets } from "./secrets.ts";
import { UsageError } from "./usage-error.ts";

/** A token, and the key that signed it. */
interface SignedToken {
  readonly token: string;
  readonly fingerprint: string;
  /** The option or file that gave the key. */
  readonly source: string;
}

/** Makes a token for `account`, in the app that the options name by default. Throws StartError, UsageError. */
export async function makeToken(
  values: OptionValues,
  account: string,
  ttlMs: number,
  app = values.required("app"),
): Promise<SignedToken> {
  const secrets = readSecrets(values, resolve(values.required("data")), false);
  const { issuers, source } = secrets;
  const signing = signingKeyOf(secrets, app);
  if (signing === undefined) {
    const issuer = issuers.find((each) => each.app === app);
    if (issuer === undefined) throw new UsageError(`${source} has no key for the app ${app}`);
    throw new UsageError(`tokens of the app ${app} are made by its issuer, ${issuer.issuer}: ${source} has no secret`);
  }
  const { key, kid } = signing;
  const token = await signToken(key, { account, app, ttlSeconds: ttlMs / 1000 }, Date.now(), kid);
  return { token, fingerprint: fingerprintOf(key), source };
}

/** Prints a token; on standard error, the fingerprint of the key that signed it, as it appears in servers' logs. */
export async function printToken(values: OptionValues): Promise<void> {
  const account = values.required("account", "is required: the account that the token is for");
  const { token, fingerprint, source } = await makeToken(values, account, values.required("ttl"));
  say(`signed with the key ${fingerprint} of ${source}`);
  await printLines([token]);
}
