// Pictures and files in two browsers: chosen, pasted, dropped, taken back; seen and saved by somebody else.

import { describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { browserTestMsMax, chromium } from "../support/browser.ts";
import { testLimits } from "../support/limits.ts";
import { begin, openRoom } from "../support/web-page.ts";
import { webStage } from "../support/web-stage.ts";

const fileBytesMax = 1_000_000;

const stage = webStage({ media: { kind: "folder" }, limits: testLimits({ mediaBytes: fileBytesMax }) });
const withoutPlace = webStage();

/** Gives the page a file as a paste or a drop does; a picture of the page's own making if it has no text. */
const give = (page: Page, how: "paste" | "drop", name: string, text?: string): Promise<void> =>
  page.evaluate(
    async ([event, file, content]) => {
      const canvas = new OffscreenCanvas(640, 400);
      const context = canvas.getContext("2d");
      if (context !== null) context.fillStyle = "teal";
      context?.fillRect(100, 100, 300, 200);
      const bytes = content === undefined ? await canvas.convertToBlob() : new Blob([content]);
      const data = new DataTransfer();
      data.items.add(new File([bytes], file ?? "", content === undefined ? { type: "image/png" } : {}));
      const field = document.querySelector("textarea");
      const options = { bubbles: true, cancelable: true };
      field?.dispatchEvent(
        event === "paste"
          ? new ClipboardEvent("paste", { ...options, clipboardData: data })
          : new DragEvent("drop", { ...options, dataTransfer: data }),
      );
    },
    [how, name, text] as const,
  );

describe.skipIf(chromium === undefined)("pictures and files in the web chat", () => {
  test(
    "a pasted and a dropped picture are one message, without one that was removed; somebody else sees and saves them",
    async () => {
      const [ann, ben] = [await stage.person("ann"), await stage.person("ben")];
      await begin(ann, "ben");
      await ann.getByRole("button", { name: "Attach files" }).waitFor();
      await give(ann, "paste", "pasted.png");
      await give(ann, "drop", "dropped.png");
      await give(ann, "drop", "unwanted.png");
      const chosen = ann.getByRole("list", { name: "Attached files" });
      await chosen.getByText("unwanted.png").waitFor();
      await ann.getByRole("button", { name: "Delete unwanted.png" }).click();
      expect(await chosen.getByRole("listitem").count()).toBe(2);
      await ann.getByLabel("Write a message").press("Enter");
      await ann.getByRole("img", { name: "stored" }).waitFor();
      expect(await chosen.count()).toBe(0);

      await openRoom(ben, "ann");
      const message = ben.locator(".message");
      await message.getByRole("button", { name: "pasted.png" }).waitFor();
      expect(await message.count()).toBe(1);
      expect(await message.locator(".picture").count()).toBe(2);
      const size = await message.locator(".picture").first().boundingBox();
      expect([size?.width, size?.height]).toEqual([132, 132]);
      await ben.waitForFunction(() => document.querySelector<HTMLImageElement>(".picture img")?.naturalWidth === 640);
      await message.getByRole("button", { name: "pasted.png" }).click();
      await ben.getByRole("dialog").getByRole("img", { name: "pasted.png" }).waitFor();
      const download = ben.waitForEvent("download");
      await ben.getByRole("dialog").getByRole("button", { name: "Save" }).click();
      expect((await download).suggestedFilename()).toBe("pasted.png");
      await ben.keyboard.press("Escape");
      await ben.getByRole("dialog").waitFor({ state: "detached" });

      // One alone has the room of its own shape, before it is there.
      await ben.route("**/media/**", (route) => route.abort());
      await give(ann, "drop", "alone.png");
      await ann.getByLabel("Write a message").press("Enter");
      const alone = await ben.getByRole("button", { name: "alone.png" }).boundingBox();
      expect([alone?.width, alone?.height]).toEqual([320, 200]);
    },
    browserTestMsMax,
  );

  test(
    "SVG and HTML are saved, and never run; a file that is too large says so",
    async () => {
      const [eve, fay] = [await stage.person("eve"), await stage.person("fay")];
      await begin(eve, "fay");
      await eve.getByRole("button", { name: "Attach files" }).waitFor();
      const script = "<script>parent.ran=window.ran=1</script>";
      await eve.locator("input[type=file]").setInputFiles([
        {
          name: "a.svg",
          mimeType: "image/svg+xml",
          buffer: Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" onload="ran=1"/>`),
        },
        { name: "b.html", mimeType: "text/html", buffer: Buffer.from(script) },
        { name: "c.png", mimeType: "image/png", buffer: Buffer.from(script) },
      ]);
      await give(eve, "drop", "large.bin", "x".repeat(fileBytesMax + 1));
      await eve.getByText("The file is too large for this server.").waitFor();
      await eve.getByRole("button", { name: "Delete large.bin" }).click();
      await eve.getByLabel("Write a message").fill("see");
      await eve.keyboard.press("Enter");
      await openRoom(fay, "eve");
      await fay.locator(".message .text", { hasText: "see" }).waitFor();
      for (const name of ["a.svg", "b.html"]) {
        const download = fay.waitForEvent("download");
        await fay.locator(".file", { hasText: name }).click();
        expect((await download).suggestedFilename()).toBe(name);
      }
      await fay.getByRole("button", { name: "c.png" }).click();
      await fay.getByText("This picture cannot be shown. Save it.").waitFor();
      for (const page of [eve, fay]) expect(await page.evaluate(() => Reflect.get(window, "ran"))).toBeUndefined();
    },
    browserTestMsMax,
  );

  test(
    "a server without a place for files offers no button",
    async () => {
      const gus = await withoutPlace.person("gus");
      await begin(gus, "hal");
      await gus.getByText("No messages yet").waitFor();
      await give(gus, "paste", "pasted.png");
      expect(await gus.getByRole("button", { name: "Attach files" }).count()).toBe(0);
      expect(await gus.getByRole("list", { name: "Attached files" }).count()).toBe(0);
    },
    browserTestMsMax,
  );
});
