// Failures of requests to other nodes, as values with a sentence for the log.

import { MalformedJson } from "../../base/json-fields.ts";
import { TooLong } from "../client/bounded-text.ts";
import { failureSentence } from "../client/node-request.ts";
import type { PeerFailure } from "../replication/peer-messages.ts";

export function failure(reason: PeerFailure["reason"], sentence: string): PeerFailure {
  return { kind: "failed", reason, sentence };
}

/** Returns the failure of a request that threw `error`; `answer` names its answer, such as "its answer". */
export function failureOf(error: unknown, answer: string): PeerFailure {
  if (error instanceof TooLong) return failure("garbage", `${answer} is ${error.message}`);
  const isNotText = error instanceof TypeError && "code" in error && error.code === "ERR_ENCODING_INVALID_ENCODED_DATA";
  if (isNotText) return failure("garbage", `${answer} is not UTF-8`);
  return failure("unreachable", failureSentence(error));
}

/** Reads a value of an answer; returns a failure if it is malformed. */
export function unlessMalformed<Value>(read: () => Value): Value | PeerFailure {
  try {
    return read();
  } catch (error) {
    if (error instanceof MalformedJson) return failure("garbage", `its answer is malformed: ${error.message}`);
    throw error;
  }
}
