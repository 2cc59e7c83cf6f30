// An operator's commands over the registry's API: `POST /discovery/control` with the parameter `request`, for callers
// that present the cluster's key, or callers on this machine if there is no key.

import type { ControlCommands } from "../../observe/control-commands.ts";
import type { HttpAnswer } from "../../transport/http/http-answer.ts";
import { Code } from "../codes.ts";
import { envelope } from "./answers.ts";
import type { Parameters } from "./parameters.ts";

/** Answers a request. `mayAsk` is false for a caller elsewhere if there is no key. */
export function controlAnswer(
  commands: ControlCommands,
  parameters: Parameters,
  mayAsk: boolean,
): HttpAnswer | Promise<HttpAnswer> {
  if (!mayAsk)
    return envelope(Code.Unauthorized, "a registry without a cluster key takes commands from its own machine only");
  return commands.obey(parameters.required("request")).then((answer) => envelope(Code.Ok, undefined, answer));
}
