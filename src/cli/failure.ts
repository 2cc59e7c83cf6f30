// The messages and codes of errors.

import { reasonOf } from "../base/reason-of.ts";

/** Returns the message of any error. */
export function sentenceOf(error: unknown): string {
  // The suppressed error came first.
  if (error instanceof SuppressedError) return `${sentenceOf(error.suppressed)}; then ${sentenceOf(error.error)}`;
  return reasonOf(error);
}

/** Returns an error's code, such as EADDRINUSE; '' if it has none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
