// Tokens of clients, as the HTTP API issues them.

import { apiMethods } from "../../api/description/methods.ts";
import { assert } from "../../base/assert.ts";
import { StartError } from "../usage-error.ts";
import { type ApiPlace, callMethod } from "./call.ts";

const methodName = "Accounts/IssueToken";

/** Returns what issues tokens of an app; that rejects with StartError. */
export function issueTokens(place: ApiPlace, app: string, ttlMs: number): (account: string) => Promise<string> {
  const method = apiMethods.get(methodName);
  assert(method !== undefined, "the API issues tokens");
  return async (account) => {
    let token: unknown;
    const request = { app, account, expiresIn: `${ttlMs / 1_000}` };
    await callMethod(place, method, JSON.stringify(request), async (json) => {
      const answer: unknown = JSON.parse(json);
      if (typeof answer === "object" && answer !== null && "token" in answer) ({ token } = answer);
    });
    if (typeof token !== "string") throw new StartError(`${place.url} answers ${methodName} without a token`);
    return token;
  };
}
