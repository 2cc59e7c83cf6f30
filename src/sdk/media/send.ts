// Sends an upload and tells how far it has come.

import { sendInBrowser, type Upload } from "./send-in-browser.ts";

/** Resolves and rejects as `fetch` does. `onProgress` is given the bytes that were sent so far. */
export async function send(url: string, upload: Upload, onProgress?: (sent: number) => void): Promise<Response> {
  if (onProgress !== undefined && typeof XMLHttpRequest !== "undefined") return sendInBrowser(url, upload, onProgress);
  const response = await fetch(url, upload);
  onProgress?.(upload.body.size);
  return response;
}
