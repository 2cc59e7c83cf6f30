// Failures of commands that work on a store.

import { Refusal } from "../store/sqlite/refusal.ts";
import { StoreUnavailable } from "../store/store.ts";
import { codeOf, sentenceOf } from "./failure.ts";
import { StartError } from "./usage-error.ts";

/** Returns a StartError that begins with `what` if the machine or the store refused; else the error itself: a bug. */
export function storeFailure(what: string, error: unknown): unknown {
  const isExpected = error instanceof StoreUnavailable || error instanceof Refusal || codeOf(error) !== "";
  return isExpected ? new StartError(`${what}: ${sentenceOf(error)}`) : error;
}
