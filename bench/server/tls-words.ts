// The certificate of a server with TLS: ECDSA P-256, from an authority of its own, as `roost cert` makes them.

import { createPrivateKey } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

const validMs = 86_400_000;

/** Writes a certificate for `host` and its key into `folder`. Returns the options of the server that name them. */
export async function tlsWords(folder: string, host: string): Promise<string[]> {
  const { issueAuthority, issueNode } = await import("../../src/auth/issue-certificate.ts");
  const nowMs = Date.now();
  const validity = { nowMs, untilMs: nowMs + validMs };
  const authority = await issueAuthority(validity);
  const issuer = { certificate: authority.certificate, key: createPrivateKey(authority.key) };
  const { certificate, key } = await issueNode(issuer, "bench", [host], validity);
  const [certificatePath, keyPath] = [join(folder, "bench.crt"), join(folder, "bench.key")];
  writeFileSync(certificatePath, certificate);
  writeFileSync(keyPath, key, { mode: 0o600 });
  return ["--tls-cert", certificatePath, "--tls-key", keyPath];
}
