// The state of the connection, as the page shows it.

import { CloseCode, type CloseReason } from "../../sdk/client-errors.ts";

/** Why there will be no connection until the reader does something. */
export type Ending = "kicked" | "stopped" | "expired" | "revoked" | "banned" | "refused";

export type Link =
  | { readonly kind: "opening" }
  | { readonly kind: "online" }
  /** Without a connection since a time, with the next try at another one, both in milliseconds since 1970. */
  | { readonly kind: "away"; readonly since: number; readonly returnsAt: number }
  | { readonly kind: "ended"; readonly why: Ending; readonly text: string };

/** What the client's event `offline` means; `before` is what was until then. */
export function linkAfter(reason: CloseReason, returnsInMs: number | undefined, before: Link, nowMs: number): Link {
  if (returnsInMs === undefined) return { kind: "ended", why: endingOf(reason), text: reason.text };
  const since = before.kind === "away" ? before.since : nowMs;
  return { kind: "away", since, returnsAt: nowMs + returnsInMs };
}

/** What has ended for good; by the sentences of wire/close-reason.ts, where several reasons share a code. */
export function endingOf({ code, text }: CloseReason): Ending {
  if (code === CloseCode.Kicked) return text.includes("operator") ? "stopped" : "kicked";
  if (code !== CloseCode.Unauthorised) return "refused";
  if (text.includes("revoked")) return "revoked";
  if (text.includes("banned")) return "banned";
  return text.includes("expired") || text === "unauthorised" ? "expired" : "refused";
}
