// The terminal client's explanation of a failed sign-in.

import { Disconnected } from "../../sdk/client-errors.ts";
import { CloseCode } from "../../wire/close-reason.ts";
import { sentenceOf } from "../failure.ts";
import { certificateFault, isListenedAt } from "./listens.ts";

/** Resolves with a sentence: why the sign-in failed, and what to change. */
export async function signInSentence(
  error: unknown,
  options: { readonly url: readonly string[]; readonly lookup?: readonly string[]; readonly ca?: string },
): Promise<string> {
  const { url, lookup = [], ca } = options;
  const servers = [...lookup, ...url].join(", ");
  // No server answered the sign-in.
  if (error instanceof Disconnected && error.reason.code === CloseCode.Abnormal) {
    const listened = await Promise.all(url.map(isListenedAt));
    const other = url.find((_, at) => listened[at]);
    if (other !== undefined) {
      return (
        (await certificateSentence(other, ca)) ??
        `the program that listens at ${other} does not speak this protocol; use ws:// for the address of --ws, ` +
          `tcp:// for that of --tcp, wss:// and tls:// for a server or proxy with TLS`
      );
    }
    const registries = await Promise.all(lookup.map(isListenedAt));
    const registry = lookup.find((_, at) => registries[at]);
    if (registry !== undefined) {
      const sentence = await certificateSentence(registry, ca);
      if (sentence !== undefined) return sentence;
      const others = url.length === 0 ? "" : `, and no server listens at ${url.join(", ")}`;
      return `${registry} names no server that answers${others}; \`roost nodes\` lists the gateways there`;
    }
    return `no server listens at ${servers}; start one with \`roost\`, or name its address with --url`;
  }
  return `cannot sign in at ${servers}: ${sentenceOf(error)}`;
}

/** Resolves with what is wrong with a server's certificate, if something is. */
async function certificateSentence(server: string, ca: string | undefined): Promise<string | undefined> {
  const fault = await certificateFault(server, ca);
  if (fault === undefined) return undefined;
  return (
    `the certificate of ${server} cannot be verified: ${fault}; name its authority with --ca, and ` +
    `the server by a name in the certificate`
  );
}
