// Why no TLS connection was made, for applications: the platform says some of it in codes of its library.

/** By what the platform's message or code contains. */
const sentences: readonly (readonly [mark: string, sentence: string])[] = [
  ["WRONG_VERSION_NUMBER", "it does not speak TLS"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "its certificate is not for this name"],
  ["does not match certificate's altnames", "its certificate is not for this name"],
  ["UnexpectedRedirect", "it redirects, which is not followed over TLS"],
];

/** Returns what an error of the platform means, in its own words unless there are clearer ones. */
export function troubleOf(message: string): string {
  return sentences.find(([mark]) => message.includes(mark))?.[1] ?? message;
}
