// Files in a real browser, where there is one: a page of another origin uploads, shows and downloads them, from the
// folder of a server and from an S3-compatible store. What others have uploaded runs nothing.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { S3Server, s3Key } from "../../scripts/harness/s3.ts";
import { parseS3 } from "../../src/media/s3/s3-location.ts";
import { startWithMedia } from "../media/media-stage.ts";
import { browserTestMsMax, chromium } from "../support/browser.ts";
import { inPage } from "../support/browser-page.ts";
import type { Messenger as Server } from "../support/messenger.ts";

let s3: S3Server;
let folder: Server;
let bucket: Server;
beforeAll(async () => {
  s3 = await S3Server.start();
  folder = await startWithMedia();
  bucket = await startWithMedia({ media: { kind: "s3", location: parseS3(s3.url) }, s3Credentials: s3Key });
});
afterAll(async () => {
  await folder.stop();
  await bucket.stop();
  await s3.remove();
});

/** A script with two people, alice and bob, and their files. */
const withTwo = async (server: Server, body: string): Promise<string> => `
  const Files = await loadFiles();
  const connect = (token) =>
    Messenger.connect({ url: ${JSON.stringify(`ws://${server.ws}`)}, token, device: "page" });
  const alice = await connect(${JSON.stringify(await server.token("alice"))});
  const bob = await connect(${JSON.stringify(await server.token("bob"))});
  const [hers, his] = [new Files(alice), new Files(bob)];
  const timeline = await bob.conversation({ account: "alice" }).timeline();
  const send = async (draft) => {
    const before = timeline.messages.length;
    alice.conversation({ account: "bob" }).send(draft);
    await until(() => timeline.messages.length > before);
    return timeline.messages.at(-1);
  };
  try {
    ${body}
  } finally {
    await alice.close();
    await bob.close();
  }
`;

const picture = `
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [40, 30];
  canvas.getContext("2d").fillRect(0, 0, 40, 30);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  const file = await hers.upload(new File([blob], "black \\u2600.png", { type: "image/png" }));
  const message = await send({ body: "look", type: 2, media: [file] });
  const { url } = await his.address(message.id, message.media[0]);
  const image = new Image();
  image.src = url;
  await image.decode();
  const back = await his.download(message.id, message.media[0]);
  return {
    names: message.media.map(({ name, type }) => [name, type]),
    isWhole: back.size === blob.size && Number(message.media[0].size) === blob.size,
    size: [image.naturalWidth, image.naturalHeight],
  };
`;
const shown = { names: [["black ☀.png", "image/png"]], isWhole: true, size: [40, 30] };

describe.skipIf(chromium === undefined)(
  chromium === undefined ? "a browser (skipped: there is no chromium on PATH)" : "a browser",
  () => {
    test(
      "a picture goes from one page to another, by the folder of the server",
      async () => {
        expect(await inPage(await withTwo(folder, picture))).toEqual(shown);
      },
      browserTestMsMax,
    );

    test(
      "the same by an S3-compatible store",
      async () => {
        expect(await inPage(await withTwo(bucket, picture))).toEqual(shown);
      },
      browserTestMsMax,
    );

    test(
      "an SVG and a page with scripts run nothing, in a frame neither, and are not shown as documents",
      async () => {
        const script = "try { parent.postMessage('ran', '*') } catch {} ; fetch('/stolen')";
        const seen = await inPage(
          await withTwo(
            folder,
            `
            let ran = 0;
            addEventListener("message", () => ran++);
            const script = ${JSON.stringify(script)};
            const tagged = "<" + "script>" + script + "</" + "script>";
            const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">' + tagged + "</svg>";
            const page = "<!doctype html>" + tagged;
            const dispositions = [];
            for (const [content, name, type] of [
              [svg, "x.svg", "image/svg+xml"],
              [page, "x.html", "text/html"],
              [page, "x.png", "image/png"],
              [page, "x.txt", "text/plain"],
            ]) {
              const file = await hers.upload(new Blob([content], { type }), { name });
              const message = await send({ body: name, media: [file] });
              const { url } = await his.address(message.id, file);
              dispositions.push((await fetch(url)).headers.get("content-disposition").split(";")[0]);
              const frame = document.createElement("iframe");
              frame.src = url;
              document.body.append(frame);
            }
            await new Promise((resolve) => setTimeout(resolve, 1_000));
            return { ran, dispositions };
          `,
          ),
        );
        expect(seen).toEqual({ ran: 0, dispositions: ["attachment", "attachment", "inline", "inline"] });
      },
      browserTestMsMax,
    );

    test(
      "a page learns why an upload was refused",
      async () => {
        const seen = await inPage(
          await withTwo(
            folder,
            `
            const refused = [];
            const attempt = (work) => work.catch((error) => refused.push([error.name, error.message]));
            await attempt(hers.upload(new Blob([]), { name: "empty" }));
            await attempt(hers.upload(new Blob(["x"]), { name: "a/b" }));
            await attempt(his.address(7n, { id: "" }));
            return refused;
          `,
          ),
        );
        expect(seen).toEqual([
          ["RequestRefused", expect.stringContaining("size must be the file's, at least 1 byte")],
          [
            "RequestRefused",
            expect.stringContaining('name must have 1 to 255 bytes, and no path: neither "/" nor "\\"'),
          ],
          ["RequestRefused", expect.stringContaining("there is no such message, or you may not read it")],
        ]);
      },
      browserTestMsMax,
    );
  },
);
