// The web chat in a real browser: what its policy refuses, and what pages of others can do with it.

import { afterAll, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ServerProcess, type Variables } from "../../scripts/harness/server-process.ts";
import { S3Server, s3Key } from "../../scripts/harness/s3.ts";
import { until } from "../../scripts/harness/until.ts";
import { browserTestMsMax, chromium, type Page, withBrowser } from "../support/browser.ts";
import { GuideNginx } from "../support/guide-nginx.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const endings: (() => unknown)[] = [];
afterAll(async () => {
  for (const end of endings.toReversed()) await end();
});
// Removed after what uses it has ended.
const folder = temporaryFolder("roost-web-browser-");

async function start(words: readonly string[] = [], variables: Variables = {}): Promise<ServerProcess> {
  const data = join(folder, `${endings.length}`);
  mkdirSync(data);
  const server = await ServerProcess.start(data, words, variables);
  endings.push(() => server.end("SIGKILL"));
  return server;
}

/** What the policy of a page has refused, from its beginning on. */
const violations = `new Promise((resolve) => {
  const seen = [];
  const watch = new ReportingObserver((reports) => {
    for (const { type, body } of reports) if (type === "csp-violation") seen.push(body.effectiveDirective);
  }, { buffered: true });
  watch.observe();
  setTimeout(() => resolve(seen), 500);
})`;

/** The status of a POST for an account, or the error of the browser, which kept it back. */
const posted = (url: string, secret: string): string => `fetch(${JSON.stringify(url)}, {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ secret: ${JSON.stringify(secret)} }),
}).then(async (response) => [response.status, await response.json()], () => "kept back")`;

const secretOf = (link: string): string => link.slice(link.indexOf("#link=") + "#link=".length);
const opens = (url: string): string => `new Promise((resolve) => {
  const socket = new WebSocket(${JSON.stringify(url)});
  socket.onopen = () => resolve(true);
  socket.onerror = () => resolve(false);
})`;

test.skipIf(chromium === undefined)(
  "the page runs, gets an account and connects, and its policy has nothing to refuse",
  async () => {
    const { link, ws } = await start();
    await withBrowser({}, async (browser) => {
      const page = await browser.open(link);
      await until(
        async () => (await page.evaluate("document.querySelector('#app').childElementCount")) !== 0,
        "it runs",
      );
      expect(await page.evaluate(violations)).toEqual([]);
      expect(await page.evaluate(posted("web/account", secretOf(link)))).toEqual([
        200,
        expect.objectContaining({ app: "demo" }),
      ]);
      expect(await page.evaluate(opens(ws))).toBe(true);
      const hosts = await page.evaluate(
        "[...new Set(performance.getEntriesByType('resource').map(({ name }) => new URL(name).host))]",
      );
      expect(hosts).toEqual([new URL(link).host]);
    });
  },
  browserTestMsMax,
);

test.skipIf(chromium === undefined)(
  "what is put into the page runs no script, reaches no other host and is told as a violation",
  async () => {
    const { link } = await start();
    const other = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("reached") });
    endings.push(() => other.stop(true));
    await withBrowser({}, async (browser) => {
      const page = await browser.open(link);
      const blocked = await page.evaluate(`(async () => {
        const run = "window.ran = true";
        const ways = [
          () => document.createElement("img").setAttribute("onerror", run),
          () => document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='" + run + "'>"),
          () => document.body.append(Object.assign(document.createElement("script"), { textContent: run })),
          () => document.body.append(Object.assign(document.createElement("script"), { src: "data:," + run })),
          () => eval(run),
          () => new Function(run)(),
          () => void (location.href = "javascript:" + run),
        ];
        const refused = ways.filter((way) => {
          try { way(); return false; } catch { return true; }
        });
        const style = document.createElement("style");
        style.textContent = "body { outline: 7px solid }";
        document.head.append(style);
        const reached = await fetch("http://127.0.0.1:${other.port}/").then(() => true, () => false);
        await new Promise((resolve) => setTimeout(resolve, 200));
        const outline = getComputedStyle(document.body).outlineWidth;
        return { ran: window.ran === true, reached, isStyled: outline === "7px", refused: refused.length };
      })()`);
      expect(blocked).toMatchObject({ ran: false, reached: false, isStyled: false });
      expect(blocked).toHaveProperty("refused", 6);
      const refused = await page.evaluate(violations);
      expect(refused).toContain("connect-src");
      expect(refused).toContain("require-trusted-types-for");
      expect(refused).toContain("style-src-elem");
    });
  },
  browserTestMsMax,
);

test.skipIf(chromium === undefined)(
  "a page of another site can neither frame it nor get an account with the secret, nor read that it is there",
  async () => {
    const { link, log } = await start();
    expect(log).not.toContain(secretOf(link));
    const { origin } = new URL(link);
    const html = `<!doctype html><iframe src="${origin}/"></iframe>`;
    const site = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: () => new Response(html, { headers: { "content-type": "text/html" } }),
    });
    endings.push(() => site.stop(true));
    const secret = secretOf(link);
    await withBrowser({ hosts: "MAP *.example 127.0.0.1" }, async (browser) => {
      const foreign = await browser.open(`http://evil.example:${site.port}/`);
      expect(await foreign.evaluate(posted(`${origin}/web/account`, secret))).toBe("kept back");
      // Without JSON no preflight is needed: the request arrives, and is refused.
      expect(
        await foreign.evaluate(`fetch("${origin}/web/account", {
          method: "POST", mode: "no-cors", body: JSON.stringify({ secret: "${secret}" })
        }).then(({ type, status }) => [type, status], () => "kept back")`),
      ).toSatisfy((answer) => answer === "kept back" || JSON.stringify(answer) === '["opaque",0]');
      expect(await foreign.evaluate(`fetch("${origin}/").then(() => "read", () => "kept back")`)).toBe("kept back");
      // A frame whose content is refused shows an error of the browser's, of another origin.
      const framed = await foreign.evaluate(`(() => {
        try { return document.querySelector("iframe").contentDocument?.querySelector("#app") != null; }
        catch { return false; }
      })()`);
      expect(framed).toBe(false);
      // A name of another site that leads to the server is not the site of the link, but its pages are.
      const rebound = await browser.open(`http://rebound.example:${new URL(origin).port}/`);
      expect(await rebound.evaluate(posted(`${origin}/web/account`, secret))).toBe("kept back");
    });
  },
  browserTestMsMax,
);

/** Where ann may upload a file, as the API tells. */
async function ticketFor(server: ServerProcess, data: string, upload: object): Promise<string> {
  const key = (await Bun.file(join(data, "data", "api-key")).text()).trim();
  const answer = await fetch(`${server.api}/roost.v1.Messages/Media`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ app: "demo", account: "ann", upload }),
  });
  expect(answer.status).toBe(200);
  return (await answer.json()).tickets[0].url;
}

test.skipIf(chromium === undefined)(
  "the policy lets the page upload to the store of files that --media names, and show what is there",
  async () => {
    const s3 = await S3Server.start();
    endings.push(() => s3.remove());
    const { accessKeyId: id, secretAccessKey: secret } = s3Key;
    const data = join(folder, `${endings.length}`);
    const server = await start(["--media", s3.url], { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret });
    const picture = Buffer.from("R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==", "base64");
    const upload = { name: "dot.gif", type: "image/gif", size: `${picture.length}` };
    const url = await ticketFor(server, data, upload);
    expect(new URL(url).origin).toBe(s3.endpoint);
    await withBrowser({}, async (browser) => {
      const page = await browser.open(server.link);
      const put = `fetch(${JSON.stringify(url)}, {
        method: "PUT", headers: { "content-type": "image/gif" }, body: new Uint8Array(${JSON.stringify([...picture])}),
      }).then(({ status }) => status, String)`;
      expect(await page.evaluate(put)).toBe(200);
      // A picture without a ticket is refused by the store, and not by the policy.
      const shown = await page.evaluate(`new Promise((resolve) => {
        const image = new Image();
        image.onload = image.onerror = ({ type }) => resolve(type);
        image.src = ${JSON.stringify(`${s3.endpoint}/nothing`)};
      })`);
      expect(shown).toBe("error");
      expect(await page.evaluate(violations)).toEqual([]);
    });
  },
  browserTestMsMax,
);

test.skipIf(chromium === undefined || !GuideNginx.isThere())(
  "behind nginx under a prefix, as the guide has it, the page runs and connects, and gets no account",
  async () => {
    const { link, ws } = await start();
    const nginx = await GuideNginx.start(join(folder, "nginx"), new URL(ws).host);
    endings.push(() => nginx.stop());
    const { url: proxy } = nginx;
    await withBrowser({}, async (browser) => {
      const page: Page = await browser.open(`${proxy}/chat`);
      expect(await page.evaluate("location.pathname")).toBe("/chat/");
      await until(
        async () => (await page.evaluate("document.querySelector('#app').childElementCount")) !== 0,
        "it runs",
      );
      expect(await page.evaluate(violations)).toEqual([]);
      expect(await page.evaluate(opens(`${proxy.replace("http:", "ws:")}/chat/`))).toBe(true);
      expect(await page.evaluate(posted("web/account", secretOf(link)))).toEqual([
        403,
        { error: expect.stringContaining("through a proxy") },
      ]);
    });
  },
  browserTestMsMax,
);
