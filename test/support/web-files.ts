// Files that somebody brings into the web chat.

import type { Page } from "playwright-core";

/** Default: a small picture, 640 by 400. */
interface Content {
  readonly text?: string;
  /** The picture has as many bytes as its pixels: about 750,000. */
  readonly isNoise?: boolean;
}

/** Gives the page a file as a paste or a drop does. A picture is of the page's own making. */
export const give = (page: Page, how: "paste" | "drop", name: string, content: Content = {}): Promise<void> =>
  page.evaluate(
    async ([event, file, { text, isNoise = false }]) => {
      const canvas = new OffscreenCanvas(640, 400);
      const context = canvas.getContext("2d");
      if (context !== null) context.fillStyle = "teal";
      context?.fillRect(100, 100, 300, 200);
      if (isNoise) {
        const noise = new ImageData(640, 400);
        for (const at of noise.data.keys()) noise.data[at] = at % 4 === 3 ? 255 : 256 * Math.random();
        context?.putImageData(noise, 0, 0);
      }
      const bytes = text === undefined ? await canvas.convertToBlob() : new Blob([text]);
      const data = new DataTransfer();
      data.items.add(new File([bytes], file, text === undefined ? { type: "image/png" } : {}));
      const field = document.querySelector("textarea");
      const options = { bubbles: true, cancelable: true };
      field?.dispatchEvent(
        event === "paste"
          ? new ClipboardEvent("paste", { ...options, clipboardData: data })
          : new DragEvent("drop", { ...options, dataTransfer: data }),
      );
    },
    [how, name, content] as const,
  );
