// A stage for the tests of a file: a server with the web chat, a browser, and people with and without pages.

import { afterAll, beforeAll } from "bun:test";
import type { BrowserContextOptions, Page } from "playwright-core";
import type { StandaloneSettings } from "../../src/roles/settings.ts";
import { Community } from "../../src/sdk/community/community.ts";
import { RoostClient } from "../../src/sdk/core.ts";
import { Messenger } from "../../src/sdk/messenger/messenger.ts";
import type { WebScene } from "../../bench/web/web-scene.ts";
import { browserTestMsMax, chromium } from "./browser.ts";
import { Messenger as Server } from "./messenger.ts";
import { WebBrowser } from "./web-page.ts";

const linkSecret = "a-secret-that-only-this-test-knows-123456789";

export class WebStage implements WebScene {
  /** That of the link's accounts. */
  readonly app = "demo";
  private running: { readonly server: Server; readonly browser: WebBrowser } | undefined;
  private readonly people: { close(): Promise<void> }[] = [];

  get server(): Server {
    return this.now.server;
  }

  get browser(): WebBrowser {
    return this.now.browser;
  }

  /** The address of the page. */
  get place(): string {
    return `http://${this.server.ws}/`;
  }

  get tcpUrl(): string {
    return `tcp://${this.server.tcp}`;
  }

  /** Gives test accounts. */
  get link(): string {
    return `${this.place}#link=${linkSecret}`;
  }

  async start(settings: Partial<StandaloneSettings>): Promise<void> {
    const server = await Server.start({ web: true, linkSecret, ...settings });
    // A server that runs from source makes the page when it is first asked for.
    await fetch(`http://${server.ws}/`);
    this.running = { server, browser: await WebBrowser.launch() };
  }

  /** Throws if a page has complained of something that is not expected. */
  async stop(expected?: RegExp): Promise<void> {
    await Promise.all(this.people.map((one) => one.close()));
    await this.browser.close();
    await this.server.stop();
    const problems = this.browser.problems.filter((problem) => expected?.test(problem) !== true);
    if (problems.length > 0) throw new Error(`pages complained: ${problems.join("; ")}`);
  }

  token(account: string): Promise<string> {
    return this.server.token(account, this.app);
  }

  /** A window of its own, signed in by the link. */
  person(account: string, options: BrowserContextOptions = {}): Promise<Page> {
    return this.browser.person(this.link, account, options);
  }

  /** Somebody without a page, until the end. */
  async somebody(account: string): Promise<Messenger> {
    const wish = { url: this.tcpUrl, token: await this.token(account), device: "test" };
    return this.untilEnd(await Messenger.connect(wish, Community.of));
  }

  /** Somebody without a page who only talks: for large numbers. */
  async talker(account: string): Promise<RoostClient> {
    const wish = { url: this.tcpUrl, token: await this.token(account) };
    return this.untilEnd(await RoostClient.connect(wish));
  }

  private get now(): { readonly server: Server; readonly browser: WebBrowser } {
    if (this.running === undefined) throw new Error("the stage starts before the tests of its file");
    return this.running;
  }

  private untilEnd<T extends { close(): Promise<void> }>(person: T): T {
    this.people.push(person);
    return person;
  }
}

/**
 * Starts a stage before the tests of the file that calls it, and stops it after them; where there is no Chromium, and
 * they are skipped, it does neither. `expected`: what pages complain of in these tests.
 */
export function webStage(settings: Partial<StandaloneSettings> = {}, expected?: RegExp): WebStage {
  const stage = new WebStage();
  if (chromium === undefined) return stage;
  beforeAll(() => stage.start(settings), browserTestMsMax);
  afterAll(() => stage.stop(expected));
  return stage;
}
