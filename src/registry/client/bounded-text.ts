// Reads a foreign body as text, up to a bounded length.

/** The body is longer than the bound. */
export class TooLong extends Error {
  override readonly name = "TooLong";
}

/** Reads a body as UTF-8 text. Rejects with TooLong, with TypeError (not UTF-8), or with the stream's error. */
export async function boundedText(source: Request | Response, bytesMax: number): Promise<string> {
  const declared = Number(source.headers.get("content-length") ?? 0);
  if (declared > bytesMax) {
    await source.body?.cancel();
    throw new TooLong(`longer than ${bytesMax} bytes`);
  }
  const decoder = new TextDecoder("utf-8", { fatal: true });
  // The HTTP parser enforces a declared length.
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
