// Pictures and files in two browsers: chosen, pasted, dropped, taken back; seen and saved by somebody else.

import { describe, expect, test } from "bun:test";
import { browserTestMsMax, chromium } from "../support/browser.ts";
import { testLimits } from "../support/limits.ts";
import { give } from "../support/web-files.ts";
import { begin, openRoom, say } from "../support/web-page.ts";
import { webStage } from "../support/web-stage.ts";

const fileBytesMax = 1_000_000;

const stage = webStage({ media: { kind: "folder" }, limits: testLimits({ mediaBytes: fileBytesMax }) });
const withoutPlace = webStage();

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
      await give(eve, "drop", "large.bin", { text: "x".repeat(fileBytesMax + 1) });
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
    "a message that waits for an upload is sent after an edit, and when another conversation is open",
    async () => {
      const [ivy, jon] = [await stage.person("ivy"), await stage.person("jon")];
      let upload = Promise.withResolvers<void>();
      await ivy.route("**/media/**", async (route) => {
        await upload.promise;
        await route.continue();
      });
      await begin(ivy, "jon");
      await ivy.getByRole("button", { name: "Attach files" }).waitFor();
      await say(ivy, "first");
      await ivy.getByRole("img", { name: "stored" }).waitFor();
      const field = ivy.getByLabel("Write a message");
      const waits = ivy.getByText("The message is sent when the files are uploaded.");
      const act = async (name: string): Promise<void> => {
        const message = ivy.locator(".message", { hasText: "first" });
        await message.hover();
        await message.getByRole("button", { name }).click();
      };
      const edit = async (): Promise<void> => {
        await act("Edit");
        await field.fill("first, but not yet edited");
        const uploaded = ivy.waitForResponse("**/media/**");
        upload.resolve();
        await (await uploaded).finished();
      };

      await give(ivy, "drop", "one.png");
      await say(ivy, "with one");
      await waits.waitFor();
      await edit();
      expect(await field.inputValue()).toBe("first, but not yet edited");
      await field.press("Escape");
      await openRoom(jon, "ivy");
      await jon.locator(".message", { hasText: "with one" }).getByRole("button", { name: "one.png" }).waitFor();

      // The edit is left with the conversation.
      upload = Promise.withResolvers();
      await give(ivy, "drop", "two.png");
      await say(ivy, "with two");
      await waits.waitFor();
      await edit();
      await begin(ivy, "kay");
      await jon.locator(".message", { hasText: "with two" }).getByRole("button", { name: "two.png" }).waitFor();

      upload = Promise.withResolvers();
      await openRoom(ivy, "jon");
      await act("Reply");
      await give(ivy, "drop", "three.png");
      await say(ivy, "with three");
      await waits.waitFor();
      await begin(ivy, "kay");
      await ivy.getByText("No messages yet").waitFor();
      upload.resolve();
      const three = jon.locator(".message", { hasText: "with three" });
      await three.getByRole("button", { name: "three.png" }).waitFor();
      await three.locator(".quote", { hasText: "first" }).waitFor();
      expect(await jon.locator(".message").first().locator(".text").innerText()).toBe("first");
      expect(await jon.locator(".message").count()).toBe(4);
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
