// What the terminal client says of a sign-in that failed.

import { Disconnected } from "../../sdk/client-errors.ts";
import { CloseCode } from "../../wire/close-reason.ts";
import { sentenceOf } from "../failure.ts";
import { isListenedAt } from "./listens.ts";

/** Says why nobody let in, and what to change. */
export async function signInSentence(
  error: unknown,
  { url, lookup = [] }: { readonly url: readonly string[]; readonly lookup?: readonly string[] },
): Promise<string> {
  const servers = [...lookup, ...url].join(", ");
  // A connection that came to nothing, and not an answer of the server.
  if (error instanceof Disconnected && error.reason.code === CloseCode.Abnormal) {
    const listened = await Promise.all(url.map(isListenedAt));
    const other = url.find((_, at) => listened[at]);
    if (other !== undefined)
      return (
        `somebody listens at ${other}, but answers no such client; ws:// is for the address of --ws, tcp:// ` +
        `for that of --tcp, wss:// for a proxy with TLS`
      );
    const registries = await Promise.all(lookup.map(isListenedAt));
    const registry = lookup.find((_, at) => registries[at]);
    if (registry !== undefined) {
      const others = url.length === 0 ? "" : `, and nobody listens at ${url.join(", ")}`;
      return `${registry} names no server that lets in${others}; see which gateways \`roost nodes\` lists there`;
    }
    return `nobody listens at ${servers}; start the server with \`roost\`, or say with --url where it is`;
  }
  return `cannot sign in at ${servers}: ${sentenceOf(error)}`;
}
