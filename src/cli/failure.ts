// What the platform says when something cannot be opened, in an operator's words.

import { reasonOf } from "../base/reason-of.ts";

/** The sentence of an error of any kind. */
export function sentenceOf(error: unknown): string {
  // Of several steps that failed, the first one in time is the suppressed one.
  if (error instanceof SuppressedError) return `${sentenceOf(error.suppressed)}; then ${sentenceOf(error.error)}`;
  return reasonOf(error);
}

/** An error's code, such as EADDRINUSE; '' when it has none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
