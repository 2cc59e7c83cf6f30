// What the web chat does when it cannot sign in, or loses its connection: it says what is wrong, and what to do.

import { describe, expect, test } from "bun:test";
import type { BrowserContext, Page, WebSocketRoute } from "playwright-core";
import { controlRequest } from "../../src/observe/control-commands.ts";
import { signToken } from "../../src/auth/token.ts";
import { ServerProcess } from "../../scripts/harness/server-process.ts";
import { browserTestMsMax, chromium } from "../support/browser.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { begin, hears, openRoom, say, signIn } from "../support/web-page.ts";
import { webStage } from "../support/web-stage.ts";

const folder = temporaryFolder("roost-web-connection-");

const stage = webStage({}, /status of 40/);

/** Every WebSocket of a window; those that are open can be ended, and no other let through. */
async function gateOf(context: BrowserContext): Promise<{ shut(): void; open(): void }> {
  let isShut = false;
  const sockets = new Set<WebSocketRoute>();
  await context.routeWebSocket(/.*/, (socket) => {
    if (isShut) return void socket.close({ code: 1011 });
    sockets.add(socket);
    socket.connectToServer();
  });
  return {
    shut() {
      isShut = true;
      for (const socket of sockets) void socket.close({ code: 1011 });
      sockets.clear();
    },
    open() {
      isShut = false;
    },
  };
}

/** Presses "Try now", unless the page has come back by itself. */
async function hurry(page: Page): Promise<void> {
  await page
    .getByRole("button", { name: "Try now" })
    .click({ timeout: 2_000 })
    .catch(() => undefined);
}

describe.skipIf(chromium === undefined)("the web chat", () => {
  test(
    "the page connects while its texts are on their way, and asks for them once",
    async () => {
      const page = await (await stage.browser.window()).newPage();
      const { promise: held, resolve: letThrough } = Promise.withResolvers<void>();
      const asked: string[] = [];
      await page.route(/\/web\/english-/, async (route) => {
        asked.push(route.request().url());
        await held;
        await route.continue();
      });
      const connected = page.waitForEvent("websocket");
      await page.goto(`${stage.place}#token=${await stage.token("kim")}`, { waitUntil: "commit" });
      await connected;
      expect(await page.getByRole("navigation").count()).toBe(0);
      letThrough();
      await page.getByRole("navigation").waitFor();
      expect(asked).toHaveLength(1);
    },
    browserTestMsMax,
  );

  test(
    "a token comes by the fragment or is pasted; what is no token, a cut link and an old one are each told",
    async () => {
      const context = await stage.browser.window();
      const page = await context.newPage();
      await page.goto(`${stage.place}#token=${await stage.token("ann")}`);
      await page.getByText("Nobody here yet").waitFor();
      expect(page.url()).toBe(stage.place);
      await page.reload();
      await page.getByText("Nobody here yet").waitFor();
      await page.getByRole("button", { name: "Menu" }).click();
      await page.getByRole("menuitem", { name: "Sign out" }).click();
      await page.getByLabel("Token").fill("not a token");
      await page.keyboard.press("Enter");
      await page.getByText("This is not a token").waitFor();
      await page.getByLabel("Token").fill(await stage.token("ann"));
      await page.keyboard.press("Enter");
      await page.getByText("Nobody here yet").waitFor();
      const other = await context.newPage();
      await other.goto(`${stage.place}#link=abc`);
      await other.getByText("The link is not complete").waitFor();
      await other.goto(`${stage.place}#link=${"x".repeat(43)}`);
      await other.getByRole("button", { name: "Make a test account" }).click();
      await other.getByText("The link is of an earlier start").waitFor();
    },
    browserTestMsMax,
  );

  test(
    "a token that expires, is refused, or whose connection an operator ends has its own sentence and button",
    async () => {
      const page = await (await stage.browser.window()).newPage();
      const short = await signToken(stage.server.secret, { account: "bea", app: stage.app, ttlSeconds: 2 });
      await page.goto(`${stage.place}#token=${short}`);
      await page.getByText("Your token has expired.").waitFor();
      await page.getByRole("button", { name: "Sign in again" }).click();
      await page.getByLabel("Token").fill("a.b.c");
      await page.keyboard.press("Enter");
      await page.getByText("The server refused the connection").waitFor();
      await page.getByRole("button", { name: "Sign in again" }).click();
      await page.getByLabel("Token").fill(await stage.token("bea"));
      await page.keyboard.press("Enter");
      await page.getByText("Nobody here yet").waitFor();
      await stage.server.control.obey(controlRequest("kick", { app: stage.app, account: "bea" }));
      await page.getByText("An operator ended this connection.").waitFor();
      await page.getByRole("button", { name: "Connect again" }).click();
      await page.getByText("An operator ended this connection.").waitFor({ state: "detached" });
      await page.getByText("Nobody here yet").waitFor();
    },
    browserTestMsMax,
  );

  test(
    "a token of a test account that has expired is renewed with the link's secret",
    async () => {
      const page = await stage.person("dee");
      const token = await signToken(stage.server.secret, { account: "dee", app: stage.app, ttlSeconds: -60 });
      await page.evaluate((old) => {
        const ticket: unknown = JSON.parse(sessionStorage.getItem("roost ticket") ?? "");
        sessionStorage.setItem("roost ticket", JSON.stringify(Object.assign(Object(ticket), { token: old })));
      }, token);
      await page.reload();
      await page.getByText("Nobody here yet").waitFor();
      expect(await page.evaluate(() => sessionStorage.getItem("roost ticket"))).not.toContain(token);
    },
    browserTestMsMax,
  );

  test(
    "where the browser keeps nothing, and with a clock that is a day off, people talk all the same",
    async () => {
      const context = await stage.browser.window();
      await context.addInitScript(() => {
        const forbid = (): never => {
          throw new DOMException("forbidden", "SecurityError");
        };
        for (const name of ["sessionStorage", "localStorage"]) Object.defineProperty(window, name, { get: forbid });
        IDBFactory.prototype.open = forbid;
      });
      const ned = await signIn(await context.newPage(), stage.link, "ned");
      await ned.getByText("The browser keeps nothing of this page").waitFor();
      await begin(ned, "oda");
      await say(ned, "without storage");
      await ned.getByRole("img", { name: "stored" }).waitFor();
      const late = await stage.browser.window();
      await late.clock.install({ time: Date.now() - 86_400_000 });
      const oda = await signIn(await late.newPage(), stage.link, "oda");
      await openRoom(oda, "ned");
      await hears(oda, "without storage");
      await say(oda, "from yesterday");
      await hears(ned, "from yesterday");
    },
    browserTestMsMax,
  );

  test(
    "a text that is too long is not sent, and one of 16 KiB without a space is, within the page",
    async () => {
      const page = await stage.person("len");
      await begin(page, "mia");
      await say(page, "x".repeat(16 * 1024 + 1));
      await page.getByText("1 byte too long to be sent").waitFor();
      await say(page, "x".repeat(50_000));
      await page.getByText("bytes too long to be sent").waitFor();
      await say(page, "x".repeat(16 * 1024));
      await page.getByRole("img", { name: "stored" }).waitFor();
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
    },
    browserTestMsMax,
  );

  test(
    "a reload keeps drafts and what waits to be sent, and a blocked WebSocket is told",
    async () => {
      const ben = await stage.person("ben");
      const context = await stage.browser.window();
      const gate = await gateOf(context);
      const ann = await signIn(await context.newPage(), stage.link, "ann");
      await begin(ann, "carl");
      await say(ann, "hello carl");
      await ann.getByRole("img", { name: "stored" }).waitFor();
      await ann.getByLabel("Write a message").fill("a draft for carl");
      await begin(ann, "ben");
      gate.shut();
      await say(ann, "before");
      await ann.getByRole("img", { name: "waiting to be sent" }).waitFor();
      await ann.reload();
      await ann.getByText("The server answers, but not to a WebSocket.").waitFor();
      gate.open();
      await hurry(ann);
      await hears(ann, "before");
      await ann.locator(".draft").waitFor();
      await ann.locator(".row", { hasText: "a draft for carl" }).click();
      expect(await ann.getByLabel("Write a message").inputValue()).toBe("a draft for carl");
      await openRoom(ben, "ann");
      await hears(ben, "before");
    },
    browserTestMsMax,
  );

  test(
    "after kill -9 of the server the page says so, and sends what was written meanwhile once it is back",
    async () => {
      let running = await ServerProcess.start(folder);
      try {
        const port = new URL(running.link).host;
        const [ann, ben] = [
          await stage.browser.person(running.link, "ann"),
          await stage.browser.person(running.link, "ben"),
        ];
        await begin(ann, "ben");
        await say(ann, "before");
        await openRoom(ben, "ann");
        await hears(ben, "before");
        await running.end("SIGKILL");
        await ann.getByText("The server does not answer.").waitFor();
        await ann.getByText(/Next try in \d+ s\.|Trying now…/).waitFor();
        await say(ann, "meanwhile");
        await ann.getByRole("img", { name: "waiting to be sent" }).waitFor();
        running = await ServerProcess.start(folder, ["--ws", port]);
        await hurry(ann);
        await hears(ben, "meanwhile");
        await ann.getByText("The server does not answer.").waitFor({ state: "detached" });
        await ann.getByRole("img", { name: "waiting to be sent" }).waitFor({ state: "detached" });
        await say(ben, "welcome back");
        await hears(ann, "welcome back");
      } finally {
        await running.end("SIGKILL");
      }
    },
    browserTestMsMax,
  );
});
