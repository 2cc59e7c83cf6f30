// Whether a peer's certificate has been verified, and why not, in an operator's words.

import { printable } from "../../base/printable.ts";
import type { TcpSocket } from "../socket-owner.ts";

/** Of the names in a peer's certificate, what a sentence shows. */
const namesCharactersMax = 200;

/** Reports whether the peer of a finished handshake has shown a certificate that is valid now. */
export function isVerified(socket: TcpSocket): boolean {
  return socket.authorized;
}

const unknownIssuer = "was issued by no authority that is known here";

/** By the codes of OpenSSL's verification (https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/). */
const failures: ReadonlyMap<string, string> = new Map([
  ["CERT_HAS_EXPIRED", "has expired"],
  ["CERT_NOT_YET_VALID", "is not valid yet; check the clocks"],
  ["UNABLE_TO_GET_ISSUER_CERT", `${unknownIssuer}, or is missing`],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", unknownIssuer],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", unknownIssuer],
  ["SELF_SIGNED_CERT_IN_CHAIN", unknownIssuer],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "was signed by its own key"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "is not for the address at which it was dialled"],
  ["INVALID_PURPOSE", "is not for this purpose; issue it with serverAuth and clientAuth"],
]);

/** Codes of errors about a certificate: OpenSSL's of the verification, and the platform's. */
const certificateCode = /^(CERT|UNABLE|SELF|DEPTH|INVALID_|ERR_TLS)/;

/** Returns what is wrong with a peer's certificate; undefined for errors about anything else. */
export function certificateFailure(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined;
  return certificateCode.test(error.code) ? failureOf(error) : undefined;
}

/**
 * Returns why a handshake failed, or why the peer's certificate is refused: a sentence without an end.
 * @param whose `your` in a sentence for the peer.
 * @param dialled the socket of a dialler, and the host at which it expects its peer.
 */
export function failureOf(
  error: Error | null | undefined,
  {
    whose = "its",
    dialled,
  }: {
    readonly whose?: "its" | "your";
    readonly dialled?: { readonly socket: TcpSocket; readonly host: string };
  } = {},
): string {
  if (error === null || error === undefined) return "the TLS handshake failed";
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID" && dialled !== undefined)
    return (
      `its certificate is for ${namesOf(dialled.socket)}, and not for ${dialled.host}, where it was dialled; ` +
      "issue it with this name, too, or let the node advertise one of its names"
    );
  const failure = failures.get(code);
  return failure === undefined
    ? `the TLS handshake failed: ${code} ${error.message}`
    : `${whose} certificate ${failure}`;
}

/** The names in the peer's certificate. An authority of the cluster has issued it, but a sentence stays bounded. */
function namesOf(socket: TcpSocket): string {
  const names = socket.getPeerX509Certificate().subjectAltName ?? "";
  return names === "" ? "no name" : printable(names.slice(0, namesCharactersMax));
}
