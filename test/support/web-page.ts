// The web chat in Chromium, as people use it: with keys and pointers, in several tabs and windows.

import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { chromium as executablePath } from "./browser.ts";

/** For each wait of a page, on a busy machine too. In milliseconds. */
const waitMsMax = 30_000;

/** A browser that notes what its pages complain of. */
export class WebBrowser {
  private readonly browser: Browser;
  /** Errors of scripts and of the console, what the policy of the page has blocked among them. */
  readonly problems: string[] = [];

  private constructor(browser: Browser) {
    this.browser = browser;
  }

  static async launch(): Promise<WebBrowser> {
    if (executablePath === undefined) throw new Error("there is no chromium on PATH");
    const args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
    return new WebBrowser(await chromium.launch({ executablePath, args }));
  }

  /** A window that shares nothing with others. */
  async window(options: BrowserContextOptions = {}): Promise<BrowserContext> {
    const context = await this.browser.newContext({
      locale: "en-GB",
      viewport: { width: 1024, height: 700 },
      ...options,
    });
    context.setDefaultTimeout(waitMsMax);
    context.on("weberror", (error) => this.problems.push(String(error.error().stack)));
    context.on("console", (message) => {
      // A server that is down is not the page's fault.
      const isOfNetwork = /net::ERR|WebSocket connection to/.test(message.text());
      if (message.type() === "error" && !isOfNetwork) this.problems.push(message.text());
    });
    return context;
  }

  /** A window of its own, signed in as a test account. */
  async person(link: string, account: string, options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.window(options);
    return signIn(await context.newPage(), link, account);
  }

  close(): Promise<void> {
    return this.browser.close();
  }
}

/** Opens the link in a page, and takes a test account. */
export async function signIn(page: Page, link: string, account: string): Promise<Page> {
  await page.goto(link);
  await page.getByLabel("Name (optional)").fill(account);
  await page.getByRole("button", { name: "Make a test account" }).click();
  await page.getByRole("navigation").waitFor();
  return page;
}

/** Begins a conversation by the partner's account. */
export async function begin(page: Page, account: string): Promise<void> {
  await page.getByRole("button", { name: "New conversation" }).first().click();
  await page.getByLabel("Account").fill(account);
  await page.getByRole("button", { name: "Start" }).click();
}

/** Opens a conversation of the list. */
export async function openRoom(page: Page, title: string | RegExp): Promise<void> {
  await page.locator(".row", { has: page.locator(".row-title", { hasText: title }) }).click();
}

export async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel("Write a message").fill(text);
  await page.keyboard.press("Enter");
}

/** Resolves when a message with that text is in sight. */
export async function hears(page: Page, text: string): Promise<void> {
  await page.locator(".message .text", { hasText: text }).first().waitFor();
}
