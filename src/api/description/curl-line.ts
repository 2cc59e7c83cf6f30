// What one types into a shell to call a method with its example.

import type { ApiMethod } from "./methods.ts";

/** The line, in several; `origin`: `http://host:port`. It takes the key from the variable ROOST_KEY. */
export function curlLine({ path, example, isStream }: ApiMethod, origin: string): string {
  const type = isStream ? "application/connect+json" : "application/json";
  const words = [
    `curl ${origin}${path}`,
    '-H "Authorization: Bearer $ROOST_KEY"',
    `-H 'Content-Type: ${type}'`,
    isStream ? "--data-binary @- -o -" : `-d ${quoted(example)}`,
  ].join(" \\\n  ");
  return isStream ? `printf ${quoted(envelope(example))} |\n  ${words}` : words;
}

/** The format for printf that gives a message of a stream: a byte of flags, the length in four bytes, JSON. */
function envelope(json: string): string {
  const length = Buffer.byteLength(json);
  const head = [0, length >>> 24, length >>> 16, length >>> 8, length].map(
    (byte) => `\\${(byte & 0xff).toString(8).padStart(3, "0")}`,
  );
  return head.join("") + json.replaceAll("\\", "\\\\").replaceAll("%", "%%");
}

/** One word of a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
