// Whether a key admits to what a request asks: its scopes, and its app.

import { Code, ConnectError } from "@connectrpc/connect";
import { nameRule, validName } from "../auth/names.ts";
import { invalid } from "./codes.ts";
import { allApps, allScopes, type ApiKey, permits } from "./keys/api-key.ts";

/** What a key needs to act as an account, beside the scope of the method. */
export const actAs = "messages:as";

/**
 * Throws PermissionDenied, which names the scope, unless the key has it. The scope `*` is about the server, which all
 * apps share: it needs a key for all of them.
 */
export function requireScope({ scopes, app }: ApiKey, scope: string): void {
  if (!permits(scopes, scope)) throw new ConnectError(`the key lacks the scope ${scope}`, Code.PermissionDenied);
  if (scope === allScopes && app !== allApps)
    throw new ConnectError(
      `this concerns all apps and wants a key for all of them, with the scope ${scope}; this one is for one app`,
      Code.PermissionDenied,
    );
}

/**
 * Returns the app of a request: the one that it names, else that of the key. Throws PermissionDenied if the key is for
 * another one, InvalidArgument if nothing names one, or what names it is no name.
 */
export function appOf(key: ApiKey, named: string): string {
  if (key.app !== allApps) {
    if (named === "" || named === key.app) return key.app;
    throw new ConnectError("the key is for another app than the request names", Code.PermissionDenied);
  }
  const app = named === "" ? key.defaultApp : named;
  if (app === undefined) throw invalid("app must be named: the key is for all of them");
  if (!validName(app)) throw invalid(`app must be a name: ${nameRule}`);
  return app;
}
