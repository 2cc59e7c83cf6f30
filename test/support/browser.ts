// Chromium without a window, driven over its DevTools protocol. A browser that does not come up is started once more:
// no page was asked of it yet, so this says nothing of the product. From then on every failure is the test's, with what
// Chromium wrote to standard error. It runs in a process group of its own, which ends as a whole.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { DevTools } from "./dev-tools.ts";
import { endsWithParent } from "../../scripts/harness/with-parent.ts";

/** Undefined where no browser is installed. */
export const chromium: string | undefined = Bun.which("chromium") ?? undefined;

/** For a test that starts a browser: more than all of its waits, on a busy machine too. In milliseconds. */
export const browserTestMsMax = 150_000;

const startMsMax = 30_000;
const workMsMax = 75_000;
const groupEndMsMax = 5_000;
/** From its end until all that it wrote has been read, unless its helpers hold the pipe. */
const lastWordsMsMax = 1_000;
/** What is kept of standard error; a crash is reported at its end. */
const errorCharactersMax = 8_000;
/** What it says wherever there is no desktop. */
const noise = /^.*(ERROR:dbus\/|Failed to connect to the bus).*\n?/gm;
const listening = /^DevTools listening on (ws:\S+)\n/m;

/**
 * Neither helpers that outlive the browser, nor shared memory that a container is short of, nor requests of its own.
 */
const flags = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--disable-breakpad",
  "--disable-quic",
  "--disable-extensions",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-default-apps",
  "--disable-sync",
  "--no-first-run",
  "--no-default-browser-check",
  "--password-store=basic",
  "--use-mock-keychain",
  "--remote-debugging-port=0",
];

export interface BrowserWish {
  /** Chromium's `--host-resolver-rules`. */
  readonly hosts?: string;
  /** Certificates that are trusted whoever has issued them: SHA-256 of their public keys, in base 64. */
  readonly trusts?: readonly string[];
  /** The executable; default: `chromium`. */
  readonly command?: string;
  /** How long a start may take. */
  readonly startMsMax?: number;
}

/** A page that is open. */
export interface Page {
  /** What it shows once all of it is loaded, as HTML. */
  html(): Promise<string>;
  /** The value of an expression in it, once all of it is loaded. Rejects with what the expression throws. */
  evaluate(expression: string): Promise<unknown>;
  /** Shows it in a window of this size, in pixels, to a reader who prefers these colours. */
  resize(width: number, height: number, colours: "light" | "dark"): Promise<void>;
}

/**
 * Starts a browser, works with it, ends it. A browser that ends meanwhile fails the work, and so does a work without
 * end.
 */
export async function withBrowser<T>(wish: BrowserWish, work: (browser: Browser) => Promise<T>): Promise<T> {
  const browser = await Browser.start(wish);
  try {
    return await within(workMsMax, "what the browser was to do was not done", [work(browser), browser.died]);
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${browser.errors}`, { cause: error });
  } finally {
    await browser.stop();
  }
}

export class Browser {
  /** Rejects when the process ends by itself. */
  readonly died: Promise<never>;
  private readonly profile = mkdtempSync(join(tmpdir(), "roost-browser-"));
  private readonly child: Subprocess<"ignore", "ignore", "pipe">;
  private readonly heard = Promise.withResolvers<string>();
  private text = "";
  private tools: DevTools | undefined;
  private isStopped = false;

  private constructor({ hosts, trusts = [], command = chromium }: BrowserWish) {
    if (command === undefined) throw new Error("there is no chromium on PATH");
    const rules = hosts === undefined ? [] : [`--host-resolver-rules=${hosts}`];
    if (trusts.length > 0) rules.push(`--ignore-certificate-errors-spki-list=${trusts.join(",")}`);
    this.child = Bun.spawn(
      [...endsWithParent(), command, ...flags, ...rules, `--user-data-dir=${this.profile}`, "about:blank"],
      {
        // A home of its own, and no bus of the desktop.
        env: { ...process.env, HOME: this.profile, DBUS_SESSION_BUS_ADDRESS: "disabled:" },
        stdin: "ignore",
        stdout: "ignore",
        stderr: "pipe",
        detached: true,
      },
    );
    const reading = this.listen().catch(() => undefined);
    this.died = this.child.exited.then(async (status) => {
      await Promise.race([reading, Bun.sleep(lastWordsMsMax)]);
      throw new Error(`the browser ended by itself (${this.child.signalCode ?? `exit status ${status}`})`);
    });
    this.died.catch(() => undefined);
  }

  /** Resolves when it takes commands. Rejects with what two of them wrote to standard error. */
  static async start(wish: BrowserWish = {}): Promise<Browser> {
    const failures: string[] = [];
    while (failures.length < 2) {
      const browser = new Browser(wish);
      try {
        await browser.comeUp(wish.startMsMax ?? startMsMax);
        return browser;
      } catch (error) {
        failures.push(`${error instanceof Error ? error.message : String(error)}\n${browser.errors}`);
        await browser.stop();
      }
    }
    throw new Error(`no browser came up: ${failures.join("\nand the next one: ")}`);
  }

  /** What it wrote to standard error, the end of it. */
  get errors(): string {
    const text = this.text.replace(noise, "").trim();
    return text === "" ? "(the browser wrote nothing to standard error)" : `the browser's standard error:\n${text}`;
  }

  /** Opens a URL as if it were typed; resolves when an answer has come. Rejects when none comes. */
  async open(url: string): Promise<Page> {
    const tools = this.tools;
    if (tools === undefined) throw new Error("the browser has not come up");
    const { targetId } = await tools.ask("Target.createTarget", { url: "about:blank" });
    const { sessionId: session } = await tools.ask("Target.attachToTarget", { targetId, flatten: true });
    const { errorText } = await tools.ask("Page.navigate", { url }, session);
    if (errorText !== undefined) throw new Error(`the browser could not open ${url}: ${JSON.stringify(errorText)}`);
    return {
      html: () => htmlOf(tools, session),
      evaluate: (expression) => valueOf(tools, session, expression),
      async resize(width, height, colours) {
        const metrics = { width, height, deviceScaleFactor: 1, mobile: width < 500 };
        await tools.ask("Emulation.setDeviceMetricsOverride", metrics, session);
        const features = [{ name: "prefers-color-scheme", value: colours }];
        await tools.ask("Emulation.setEmulatedMedia", { features }, session);
      },
    };
  }

  /** Ends it, whatever state it is in, with all that it has started. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.tools?.close();
    endGroup(this.child.pid);
    await this.child.exited;
    // Its helpers have another parent now, and write to the profile until they have ended.
    const endMs = performance.now() + groupEndMsMax;
    while (groupRuns(this.child.pid) && performance.now() < endMs) {
      endGroup(this.child.pid);
      await Bun.sleep(10);
    }
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }

  private async comeUp(msMax: number): Promise<void> {
    const tools = this.heard.promise.then((url) => DevTools.connect(url));
    tools.then(
      (late) => this.isStopped && late.close(),
      () => undefined,
    );
    this.tools = await within(msMax, "the browser did not come up", [tools, this.died]);
  }

  /** Keeps the end of standard error, and finds in it where the browser takes commands. */
  private async listen(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.child.stderr) {
      this.text += decoder.decode(chunk, { stream: true });
      const url = listening.exec(this.text)?.[1];
      if (url !== undefined) this.heard.resolve(url);
      this.text = this.text.slice(-errorCharactersMax);
    }
  }
}

/** The first of these; rejects after so long. */
async function within<T>(msMax: number, failure: string, these: readonly Promise<T>[]): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${failure} within ${msMax} ms`)), msMax);
  });
  return Promise.race([...these, late]).finally(() => clearTimeout(timer));
}

function endGroup(group: number): void {
  try {
    process.kill(-group, "SIGKILL");
  } catch {
    // It has no processes.
  }
}

/** Whether a process of the group has not ended; one that nobody has waited for has. */
function groupRuns(group: number): boolean {
  return readdirSync("/proc").some((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      // The name, in parentheses, may hold anything: state, parent and group follow it.
      const [state, , ofGroup] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return Number(ofGroup) === group && state !== "Z" && state !== "X";
    } catch {
      return false;
    }
  });
}

async function htmlOf(tools: DevTools, session: unknown): Promise<string> {
  const html = await valueOf(tools, session, "document.documentElement.outerHTML");
  if (typeof html === "string") return html;
  throw new Error(`the browser did not tell what the page shows: ${JSON.stringify(html)}`);
}

async function valueOf(tools: DevTools, session: unknown, expression: string): Promise<unknown> {
  const loaded = `new Promise((resolve) => {
    if (document.readyState === "complete") resolve();
    else addEventListener("load", () => resolve());
  }).then(() => (${expression}))`;
  const wish = { expression: loaded, awaitPromise: true, returnByValue: true };
  const { result, exceptionDetails } = await tools.ask("Runtime.evaluate", wish, session);
  if (exceptionDetails !== undefined) throw new Error(`the page failed: ${JSON.stringify(exceptionDetails)}`);
  return typeof result === "object" && result !== null && "value" in result ? result.value : undefined;
}
