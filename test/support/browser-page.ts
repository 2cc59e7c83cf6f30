// A page in a real browser: a site on this machine that serves the client library and one script, and Chromium that
// opens it. The script gets `RoostClient`, `Messenger`, `claimTabDevice`, `loadCommunity`, `loadFiles`, and
// `tell(what)`, which has the test do something and waits for it, and reports what it returns.

import { type BrowserWish, withBrowser } from "./browser.ts";
import { communityEntry, filesEntry, libraryEntry, messengerEntry, tabDeviceEntry } from "./library-bundle.ts";

const scriptOf = (body: string): string => `
  import { RoostClient } from "/sdk/core.js";
  import { Messenger } from "/sdk/messenger/messenger.js";
  import { claimTabDevice } from "/sdk/messenger/tab-device.js";
  const loadCommunity = async () => (await import("/sdk/community/community.js")).Community;
  const loadFiles = async () => (await import("/sdk/media/files.js")).Files;
  const post = (path, value) => fetch(path, { method: "POST", body: JSON.stringify(value) });
  const tell = (what) => post("/tell", what);
  const until = async (isSo) => {
    while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  try {
    await post("/result", await (async () => {${body}})());
  } catch (error) {
    await post("/result", { error: String(error) });
  }
`;

/** Runs the script's body in a page, and resolves with what it returns. `told` is called with what the page tells. */
export async function inPage(
  body: string,
  told: (what: unknown) => void = () => undefined,
  wish: BrowserWish = {},
): Promise<unknown> {
  const { outputs } = await Bun.build({
    entrypoints: [libraryEntry, messengerEntry, communityEntry, filesEntry, tabDeviceEntry],
    target: "browser",
    splitting: true,
  });
  const scripts = new Map(outputs.map((output) => [`/sdk/${output.path.replace(/^\.\//, "")}`, output]));
  const { promise: result, resolve } = Promise.withResolvers<unknown>();
  const site = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) => {
      const { pathname } = new URL(request.url);
      const script = scripts.get(pathname);
      if (script !== undefined)
        return new Response(await script.text(), { headers: { "content-type": "text/javascript" } });
      if (pathname === "/tell") told(await request.json());
      else if (pathname === "/result") resolve(await request.json());
      else if (pathname !== "/") return new Response("", { status: 404 });
      else {
        const page = `<!doctype html><title>sdk</title><script type="module">${scriptOf(body)}</script>`;
        return new Response(page, { headers: { "content-type": "text/html" } });
      }
      return new Response("thanks");
    },
  });
  try {
    return await withBrowser(wish, async (browser) => {
      await browser.open(`http://127.0.0.1:${site.port}/`);
      return result;
    });
  } finally {
    await site.stop(true);
  }
}
