// The web chat in a browser whose storage is full, whose clock is wrong, that goes offline, or that is led to it by a
// strange address.

import { describe, expect, test } from "bun:test";
import { browserTestMsMax, chromium } from "../support/browser.ts";
import { begin, hears, openRoom, say, signIn } from "../support/web-page.ts";
import { webStage } from "../support/web-stage.ts";

const dayMs = 86_400_000;

const stage = webStage();

describe.skipIf(chromium === undefined)("the web chat", () => {
  test(
    "where the browser's storage is full, messages are sent all the same, and the page says what is not kept",
    async () => {
      const context = await stage.browser.window();
      // Storage that is full says so, whatever is asked of it.
      await context.addInitScript(() => {
        Storage.prototype.setItem = () => {
          throw new DOMException("the storage is full", "QuotaExceededError");
        };
        IDBObjectStore.prototype.put = function (this: IDBObjectStore, value: unknown) {
          const request = this.add(value);
          request.onsuccess = () => this.transaction.abort();
          return request;
        };
      });
      const pia = await signIn(await context.newPage(), stage.link, "pia");
      await pia.getByText("The browser keeps nothing of this page").waitFor();
      const quin = await stage.person("quin");
      await begin(pia, "quin");
      await say(pia, "kept nowhere");
      await pia.getByText("This browser cannot keep what waits to be sent").waitFor();
      await openRoom(quin, "pia");
      await hears(quin, "kept nowhere");
      await say(quin, "but heard");
      await hears(pia, "but heard");
      // A draft outlives a look at another conversation, without storage too.
      await pia.getByLabel("Write a message").fill("a draft");
      await begin(pia, "rex");
      await openRoom(pia, "quin");
      expect(await pia.getByLabel("Write a message").inputValue()).toBe("a draft");
    },
    browserTestMsMax,
  );

  for (const [name, off] of [
    ["behind", -dayMs],
    ["ahead", dayMs],
  ] as const)
    test(
      `with a clock that is a day ${name}, people talk, in the order of the server, and one account is made`,
      async () => {
        const context = await stage.browser.window();
        await context.clock.install({ time: Date.now() + off });
        const page = await context.newPage();
        let made = 0;
        page.on("request", (request) => {
          if (request.url().endsWith("web/account")) made++;
        });
        const [late, right] = [`late-${name}`, `right-${name}`];
        await signIn(page, stage.link, late);
        const other = await stage.person(right);
        await begin(page, right);
        await say(page, "one");
        await page.getByRole("img", { name: "stored" }).waitFor();
        await openRoom(other, late);
        await say(other, "two");
        await hears(page, "two");
        await say(page, "three");
        await hears(other, "three");
        for (const one of [page, other]) {
          await one.waitForFunction(() => document.querySelectorAll(".message .text").length === 3);
          expect(await one.locator(".message .text").allTextContents()).toEqual(["one", "two", "three"]);
          expect(await one.locator(".day").count()).toBe(1);
        }
        // Its token is not taken for one that is over, and renewed again and again: the client does so every 5 s.
        await page.waitForTimeout(6_000);
        expect(made).toBe(1);
        expect(await page.getByRole("alert").count()).toBe(0);
      },
      browserTestMsMax,
    );

  test(
    "what was written without a connection is sent by the next tab of the browser, once and in order",
    async () => {
      const tess = await stage.person("tess");
      const context = await stage.browser.window();
      let isShut = false;
      await context.routeWebSocket(/.*/, (socket) => {
        if (isShut) void socket.close({ code: 1011 });
        else {
          const wire = socket.connectToServer();
          socket.onMessage((message) => {
            // From here on nothing comes through any more.
            if (isShut) void socket.close({ code: 1011 });
            else wire.send(message);
          });
        }
      });
      const sam = await signIn(await context.newPage(), stage.link, "sam");
      await begin(sam, "tess");
      await say(sam, "before");
      await openRoom(tess, "sam");
      await hears(tess, "before");
      await sam.getByRole("img", { name: "read", exact: true }).waitFor();
      isShut = true;
      await context.setOffline(true);
      for (const text of ["first", "second", "third"]) await say(sam, text);
      await sam.getByText("This device is offline.").waitFor();
      await sam.waitForFunction(() => document.querySelectorAll("[aria-label='waiting to be sent']").length === 3);
      await sam.close();
      isShut = false;
      await context.setOffline(false);
      const again = await signIn(await context.newPage(), stage.link, "sam");
      await hears(tess, "third");
      await openRoom(again, "tess");
      await hears(again, "third");
      for (const page of [tess, again])
        expect(await page.locator(".message .text").allTextContents()).toEqual(["before", "first", "second", "third"]);
    },
    browserTestMsMax,
  );

  test(
    "an address with a fragment that is nothing shows the door with a sentence, and the fragment is gone",
    async () => {
      const context = await stage.browser.window();
      for (const fragment of [
        "link=",
        "token=a.b",
        "%zz%00",
        "token=<script>alert(1)</script>",
        `link=${"ü".repeat(43)}`,
        "x".repeat(100_000),
      ]) {
        const page = await context.newPage();
        await page.goto(`${stage.place}#${fragment}`);
        await page.getByRole("alert").getByText("The link is not complete.").waitFor();
        await page.getByLabel("Token").waitFor();
        expect([fragment.slice(0, 40), page.url()]).toEqual([fragment.slice(0, 40), stage.place]);
        await page.close();
      }
      // One that has the form of a token, and is none.
      const page = await context.newPage();
      await page.goto(`${stage.place}#token=${"x".repeat(20_000)}.y.z`);
      await page.getByText("The server refused the connection").waitFor();
      expect(page.url()).toBe(stage.place);
      await page.getByRole("button", { name: "Sign in again" }).click();
      await page.getByLabel("Token").waitFor();
      // In a tab that is signed in already, a broken address signs nobody out.
      const ursa = await stage.person("ursa");
      await ursa.evaluate(() => void (location.hash = "#token=broken"));
      await ursa.waitForFunction(() => location.hash === "");
      await ursa.getByText("Nobody here yet").waitFor();
    },
    browserTestMsMax,
  );
});
