// Where the web chat is tried: a server, a browser, and people with and without pages. The tests of the web chat have
// one of their own (test/support/web-stage.ts); this one is of a server as the bench starts it.

import type { Page } from "playwright-core";
import { signToken } from "../../src/auth/token.ts";
import { RoostClient } from "../../src/sdk/core.ts";
import { WebBrowser } from "../../test/support/web-page.ts";
import { measuredLimits } from "../server/limits.ts";
import { startServer } from "../server/standalone.ts";
import { targetOf } from "../server/target.ts";

export interface WebScene {
  readonly browser: WebBrowser;
  /** The address of the page. */
  readonly place: string;
  /** Where clients connect without a browser: a URL. */
  readonly tcpUrl: string;
  token(account: string): Promise<string>;
  /** A window of its own, signed in. */
  person(account: string): Promise<Page>;
  /** Somebody without a page who only talks, until the end. */
  talker(account: string): Promise<RoostClient>;
}

/** Has a page at the address take a token: resolves when the account is signed in. */
export async function comeIn(scene: WebScene, page: Page, account: string): Promise<Page> {
  await page.goto(`${scene.place}#token=${await scene.token(account)}`);
  await page.getByRole("navigation").waitFor();
  return page;
}

/** Starts a server and a browser, works with them, ends them. Rejects if a page has complained of anything. */
export async function onWebScene<T>(work: (scene: WebScene) => Promise<T>): Promise<T> {
  const server = await startServer({ limits: measuredLimits });
  const people: RoostClient[] = [];
  let browser: WebBrowser | undefined;
  try {
    browser = await WebBrowser.launch();
    const { host, port } = targetOf(server, "tcp").endpoint;
    const page = targetOf(server, "ws").endpoint;
    const secret = new TextEncoder().encode(server.secret);
    const scene: WebScene = {
      browser,
      place: `http://${page.host}:${page.port}/`,
      tcpUrl: `tcp://${host}:${port}`,
      token: (account) => signToken(secret, { account, app: server.app, ttlSeconds: 3600 }),
      person: async (account) => comeIn(scene, await (await scene.browser.window()).newPage(), account),
      async talker(account) {
        const client = await RoostClient.connect({ url: scene.tcpUrl, token: await scene.token(account) });
        people.push(client);
        return client;
      },
    };
    const found = await (server.died === undefined ? work(scene) : Promise.race([work(scene), server.died]));
    if (browser.problems.length > 0) throw new Error(`pages complained: ${browser.problems.join("; ")}`);
    return found;
  } finally {
    await Promise.all(people.map((one) => one.close()));
    await browser?.close();
    await server.stop();
  }
}
