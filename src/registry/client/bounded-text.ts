// Reading a body that somebody else sends: text, of a bounded length, with nothing read beyond the bound.

/** The body is longer than it may be. */
export class TooLong extends Error {
  override readonly name = "TooLong";
}

/**
 * The body of a request or a response as UTF-8 text. Rejects with TooLong, TypeError (not UTF-8), or as its stream
 * does.
 */
export async function boundedText(source: Request | Response, bytesMax: number): Promise<string> {
  const declared = Number(source.headers.get("content-length") ?? 0);
  if (declared > bytesMax) {
    await source.body?.cancel();
    throw new TooLong(`longer than ${bytesMax} bytes`);
  }
  const decoder = new TextDecoder("utf-8", { fatal: true });
  // A declared length is kept by the HTTP parser: the body is no longer than it says.
  if (declared > 0) return decoder.decode(await source.arrayBuffer());
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of source.body ?? []) {
    bytes += chunk.length;
    // Leaving the loop cancels the stream.
    if (bytes > bytesMax) throw new TooLong(`longer than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return decoder.decode(Buffer.concat(chunks, bytes));
}
