// Variables whose names begin with ROOST_ and that no option has: misspelt ones, most likely.

import { didYouMean } from "../base/did-you-mean.ts";

const prefix = "ROOST_";
/** Variables of ours that are no options. */
const internal: ReadonlySet<string> = new Set(["ROOST_INVOKED_AS", "ROOST_BINARY"]);

/**
 * What Kubernetes sets in every container of a namespace for a service whose name begins with "roost":
 * ROOST_SERVICE_HOST, ROOST_SERVICE_PORT, ROOST_SERVICE_PORT_WS, ROOST_PORT=tcp://…, ROOST_PORT_8000_TCP,
 * ROOST_PORT_8000_TCP_ADDR and so on, for one called roost-chat ROOST_CHAT_SERVICE_HOST and so on.
 */
function isOfKubernetes(name: string, value: string): boolean {
  if (/^ROOST_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?)$/.test(name)) return true;
  if (/^ROOST_([A-Z0-9_]+_)?PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name)) return true;
  return /^ROOST_([A-Z0-9_]+_)?PORT$/.test(name) && /^(tcp|udp|sctp):\/\//.test(value);
}

/** A sentence for each variable that is set, begins with ROOST_ and is not one of `known`. */
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
