// TLS of a node in a test: judged as at a start, or gone bad since then.

import { readFileSync } from "node:fs";
import { NodeTls, readNodePair } from "../../src/transport/tls/node-tls.ts";
import type { Pair } from "./certificates.ts";

/** What a certificate of a node is for. */
export const bothPurposes = "extendedKeyUsage=serverAuth,clientAuth";

/** TLS of a node with a good certificate; `authorities` is a path. */
export function nodeTls(pair: Pair, authorities: string, isRequired = true): NodeTls {
  const files = { ...pair, authorities };
  return new NodeTls(files, readNodePair(files, Date.now()), isRequired);
}

/** TLS of a node whose certificate was good when it started, and is `bad` now. */
export function spoiledTls(good: Pair, bad: Pair, authorities: string): NodeTls {
  const tls = nodeTls(good, authorities);
  const pair = readNodePair({ ...good, authorities }, Date.now());
  const [certificate, key] = [readFileSync(bad.certificate, "utf8"), readFileSync(bad.key, "utf8")];
  tls.replace({ ...pair, certificate: { ...pair.certificate, pem: { certificate, key } } });
  return tls;
}
