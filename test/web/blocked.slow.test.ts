// The web chat where something stands between the browser and the server: proxies that pass on no WebSocket, cut off
// a prefix, or say that they are there; and whoever tries secrets.

import { afterAll, describe, expect, test } from "bun:test";
import { browserTestMsMax, chromium } from "../support/browser.ts";
import { GuideNginx } from "../support/guide-nginx.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { button } from "../support/web-details.ts";
import { begin, hears, openRoom, say } from "../support/web-page.ts";
import { webStage } from "../support/web-stage.ts";

const folder = temporaryFolder("roost-web-blocked-");

const stage = webStage({}, /status of 4/);
const endings: (() => unknown)[] = [];

/** A proxy that passes on requests, without the fields of a WebSocket or refusing it, with further fields. */
function proxyTo(isRefusing: boolean, fields: Readonly<Record<string, string>> = {}): string {
  const proxy = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      const { pathname } = new URL(request.url);
      const headers = new Headers({ ...Object.fromEntries(request.headers), ...fields });
      if (isRefusing && headers.has("upgrade")) return new Response("no WebSockets here", { status: 403 });
      for (const name of ["upgrade", "connection"]) headers.delete(name);
      const { method, body } = request;
      return fetch(new URL(pathname, stage.place), { method, body, headers, decompress: false });
    },
  });
  endings.push(() => proxy.stop(true));
  return `http://127.0.0.1:${proxy.port}/`;
}

describe.skipIf(chromium === undefined)("the web chat", () => {
  afterAll(async () => {
    for (const end of endings.toReversed()) await end();
  });

  for (const [what, isRefusing] of [
    ["refuses WebSockets", true],
    ["forgets the fields of a WebSocket", false],
  ] as const)
    test(
      `through a proxy that ${what} the page loads, and says what is wrong`,
      async () => {
        const page = await (await stage.browser.window()).newPage();
        await page.goto(`${proxyTo(isRefusing)}#token=${await stage.token("ann")}`);
        await page
          .getByText("The server answers, but not to a WebSocket. A proxy in between may block them.")
          .waitFor();
        await page.getByText(/Next try in \d+ s\.|Trying now…/).waitFor();
        await button(page, "Try now").waitFor();
      },
      browserTestMsMax,
    );

  test(
    "through a proxy that says so, no test account is made, and the page says why",
    async () => {
      const page = await (await stage.browser.window()).newPage();
      await page.goto(`${proxyTo(false, { "x-forwarded-for": "192.0.2.1" })}${new URL(stage.link).hash}`);
      await button(page, "Make a test account").click();
      await page.getByText("Test accounts are not given through a proxy").waitFor();
    },
    browserTestMsMax,
  );

  test(
    "who tries secrets is slowed down and told so, while the right one opens at once",
    async () => {
      const page = await (await stage.browser.window()).newPage();
      await page.goto(`${stage.place}#link=${"x".repeat(43)}`);
      const told = page.getByText("Too many wrong secrets: try again soon.");
      for (let tries = 0; tries < 50 && !(await told.isVisible()); tries++) {
        const answer = page.waitForResponse(/web\/account/);
        await button(page, "Make a test account").click();
        await answer;
        await page.getByRole("alert").waitFor();
      }
      await told.waitFor();
      await stage.person("right");
    },
    browserTestMsMax,
  );

  test.skipIf(!GuideNginx.isThere())(
    "behind nginx under a prefix, as the guide has it, two people talk, also after a reload",
    async () => {
      const proxy = await GuideNginx.start(`${folder}/nginx`, stage.server.ws);
      endings.push(() => proxy.stop());
      const [ann, ben] = await Promise.all(
        ["ann", "ben"].map(async (account) => {
          const page = await (await stage.browser.window()).newPage();
          await page.goto(`${proxy.url}/chat#token=${await stage.token(account)}`);
          await page.getByRole("navigation").waitFor();
          return page;
        }),
      );
      if (ann === undefined || ben === undefined) throw new Error("somebody is missing");
      expect(ann.url()).toBe(`${proxy.url}/chat/`);
      await begin(ann, "ben");
      await say(ann, "under a prefix");
      await openRoom(ben, "ann");
      await hears(ben, "under a prefix");
      await ben.reload();
      await say(ben, "so am I");
      await hears(ann, "so am I");
    },
    browserTestMsMax,
  );
});
