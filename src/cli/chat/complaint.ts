// The sentence about a typed line that failed.

import { Disconnected, RequestRefused, RequestTimedOut } from "../../sdk/client-errors.ts";
import { sentenceOf } from "../failure.ts";
import { CommandError } from "./chat-context.ts";

/** Returns a sentence for a person; throws what is a defect of this program. */
export function complaintOf(error: unknown): string {
  if (error instanceof CommandError) return error.message;
  if (error instanceof RequestRefused || error instanceof RequestTimedOut || error instanceof Disconnected)
    return sentenceOf(error);
  throw error;
}
