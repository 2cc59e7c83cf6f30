// Finds environment variables that begin with ROOST_ but belong to no option: probably misspelt ones.

import { didYouMean } from "../base/did-you-mean.ts";

const prefix = "ROOST_";
/** Variables of this program that are not options. */
const internal: ReadonlySet<string> = new Set(["ROOST_INVOKED_AS", "ROOST_BINARY"]);

/**
 * Reports whether a variable is one that Kubernetes sets in all containers of a namespace with a service whose name
 * begins with "roost": ROOST_SERVICE_HOST, ROOST_SERVICE_PORT_WS, ROOST_PORT=tcp://…, ROOST_PORT_8000_TCP_ADDR; for a
 * service roost-chat, ROOST_CHAT_SERVICE_HOST.
 */
function isOfKubernetes(name: string, value: string): boolean {
  if (/^ROOST_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?)$/.test(name)) return true;
  if (/^ROOST_([A-Z0-9_]+_)?PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name)) return true;
  return /^ROOST_([A-Z0-9_]+_)?PORT$/.test(name) && /^(tcp|udp|sctp):\/\//.test(value);
}

/** Returns a sentence for each variable that is set, begins with ROOST_ and is not in `known`. */
export function unknownVariables(
  environment: Readonly<Record<string, string | undefined>>,
  known: ReadonlySet<string>,
): string[] {
  const sentences: string[] = [];
  for (const [name, value = ""] of Object.entries(environment)) {
    if (!name.startsWith(prefix) || value === "" || known.has(name) || internal.has(name)) continue;
    if (isOfKubernetes(name, value)) continue;
    sentences.push(`the variable ${name} is ignored: no option has this name${didYouMean(name.toUpperCase(), known)}`);
  }
  return sentences;
}
