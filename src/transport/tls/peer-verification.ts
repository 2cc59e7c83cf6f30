// Whether a peer's certificate has been verified, and why not, in an operator's words.

import type { TcpSocket } from "../socket-owner.ts";

/** Reports whether the peer of a finished handshake has shown a certificate that is valid now. */
export function isVerified(socket: TcpSocket): boolean {
  return socket.authorized;
}

/** By the codes of OpenSSL's verification (https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/). */
const failures: ReadonlyMap<string, string> = new Map([
  ["CERT_HAS_EXPIRED", "its certificate has expired"],
  ["CERT_NOT_YET_VALID", "its certificate is not valid yet; check the clocks"],
  ["UNABLE_TO_GET_ISSUER_CERT", "no authority that is known here has issued its certificate, or it showed none"],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "no authority that is known here has issued its certificate"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "no authority that is known here has issued its certificate"],
  ["SELF_SIGNED_CERT_IN_CHAIN", "no authority that is known here has issued its certificate"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "it has signed its certificate itself"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "its certificate is not for the address at which it was dialled"],
  ["INVALID_PURPOSE", "its certificate is not for this purpose; issue it with serverAuth and clientAuth"],
]);

/** Codes of errors about a certificate: OpenSSL's of the verification, and the platform's. */
const certificateCode = /^(CERT|UNABLE|SELF|DEPTH|INVALID_|ERR_TLS)/;

/** Returns what is wrong with a peer's certificate; undefined for errors about anything else. */
export function certificateFailure(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined;
  return certificateCode.test(error.code) ? failureOf(error) : undefined;
}

/** Returns why a handshake failed, or why the peer's certificate is refused. */
export function failureOf(error: Error | null | undefined): string {
  if (error === null || error === undefined) return "the TLS handshake failed";
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return failures.get(code) ?? `the TLS handshake failed: ${code} ${error.message}`;
}
