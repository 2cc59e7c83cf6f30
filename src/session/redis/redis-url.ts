// The URL of a session store: redis:// or rediss:// (TLS) and a host, with files for TLS as parameters:
//
//   rediss://:password@redis.internal:6379/0?ca=/etc/roost/ca.crt&cert=/etc/roost/node.crt&key=/etc/roost/node.key
//
// Without `ca`, the system's authorities verify the server. `cert` and `key` are for a server that demands a
// certificate, as redis-server does unless it is told otherwise (tls-auth-clients).

import { type ClientTls, readClientTls } from "../../transport/tls/client-files.ts";

const parameters = ["ca", "cert", "key"] as const;

interface RedisTarget {
  /** For Bun's client. */
  readonly url: string;
  /** Undefined for plain text. */
  readonly tls: ClientTls | undefined;
}

/** Reports whether a URL asks for TLS. */
export function isTlsUrl({ protocol }: URL): boolean {
  return protocol === "rediss:" || protocol === "valkeys:";
}

/**
 * Reads the files that a URL names, as they are now.
 * @throws BadCertificate, UnreadableFile, and an Error for a parameter that is unknown, given twice or of no use.
 */
export function readTarget(text: string): RedisTarget {
  const url = new URL(text);
  const isTls = isTlsUrl(url);
  const files: Record<(typeof parameters)[number], string | undefined> = {
    ca: undefined,
    cert: undefined,
    key: undefined,
  };
  for (const [name, value] of url.searchParams) {
    const known = parameters.find((each) => each === name);
    if (known === undefined)
      throw new Error(`the URL's parameter ${name} is unknown: ${parameters.join(", ")} name files for TLS`);
    if (files[known] !== undefined) throw new Error(`the URL's parameter ${name} is given twice; give it once`);
    if (!isTls) throw new Error(`the URL's parameter ${name} is for TLS: write ${url.protocol.replace(":", "s")}://`);
    files[known] = value;
  }
  url.search = "";
  return { url: url.href, tls: isTls ? readClientTls(files, Date.now()) : undefined };
}
