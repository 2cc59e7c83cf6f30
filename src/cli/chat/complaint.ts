// The sentence about a typed line that failed.

import { Disconnected, RequestRefused, RequestTimedOut } from "../../sdk/client-errors.ts";
import { CloseCode, type CloseReason } from "../../wire/close-reason.ts";
import { sentenceOf } from "../failure.ts";
import { CommandError } from "./command-error.ts";

export const noConnection = "there is no connection to the server; try again when it is back";

/** Returns why a connection has ended; undefined if nobody has said it. */
export function endSentence({ code, text }: CloseReason): string | undefined {
  if (code === CloseCode.TooLarge) return "a message was too long for the server, which ended the connection";
  if (code === CloseCode.Abnormal || text === "") return undefined;
  return `the connection ended: ${text}`;
}

/** Returns a sentence for a person; throws what is a defect of this program. */
export function complaintOf(error: unknown): string {
  if (error instanceof CommandError) return error.message;
  if (error instanceof RequestRefused) return sentenceOf(error);
  if (error instanceof RequestTimedOut) return "the server did not answer in time; it may have done it nevertheless";
  if (error instanceof Disconnected) return endSentence(error.reason) ?? noConnection;
  throw error;
}
