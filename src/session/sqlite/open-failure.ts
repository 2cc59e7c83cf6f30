// What an operator reads if the session file can never be opened.

import { SessionsUnavailable } from "../sessions.ts";
import { NotSessions } from "./session-file.ts";

export function cannotOpen(path: string, error: unknown): SessionsUnavailable {
  const reason = error instanceof Error ? error.message : String(error);
  const remedy =
    error instanceof NotSessions
      ? "Give --sessions another path."
      : "Check that its folder exists and is writable, or give --sessions another path.";
  return new SessionsUnavailable(`The session store ${path} cannot be opened: ${reason}. ${remedy}`, { cause: error });
}
