// A receiver of webhooks, and the endpoint that sends to it.

import { constants, setPriority } from "node:os";
import { join } from "node:path";
import { callApi } from "../api/requests.ts";
import type { Load } from "../generator/load.ts";
import type { Latency } from "../latency.ts";
import { spawnChild } from "../server/lifetime.ts";
import type { Target } from "../server/target.ts";

const lookMs = 20;
/** Longer than a batch is gathered. */
const quietMs = 300;
const endpoint = "bench";

/** What a receiver was told of stored messages; the latency is from when each was stored. */
export type Told = ReturnType<Latency["fields"]> & {
  readonly events: number;
  /** Those of them that came again are not among them. */
  readonly repeated: number;
  /** When the first and the last of them came, in milliseconds since 1970. */
  readonly firstMs: number;
  readonly lastMs: number;
};

export class HookReceiver {
  private readonly child: Bun.Subprocess<"ignore", "pipe", "inherit">;
  private readonly url: string;

  private constructor(child: Bun.Subprocess<"ignore", "pipe", "inherit">, port: number) {
    this.child = child;
    this.url = `http://127.0.0.1:${port}`;
  }

  static async start(): Promise<HookReceiver> {
    const words = [process.execPath, join(import.meta.dir, "receiver-main.ts")];
    const child = spawnChild(words, { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
    // A back end has a processor of its own.
    setPriority(child.pid, constants.priority.PRIORITY_LOW);
    const { value } = await child.stdout.getReader().read();
    const port = Number(new TextDecoder().decode(value));
    if (!(port > 0)) throw new Error("the receiver of webhooks did not start");
    return new HookReceiver(child, port);
  }

  /** Has the stored messages of the app told from now on. */
  async listen({ api, app }: Target): Promise<void> {
    await this.ask("/reset");
    await callApi(api, "Admin/SetWebhook", { name: endpoint, url: `${this.url}/`, events: ["message.stored"], app });
  }

  /** Ends that. */
  async leave({ api, app }: Target): Promise<void> {
    await callApi(api, "Admin/RemoveWebhook", { name: endpoint, app });
  }

  /** Waits until it is told something; throws a sentence when nothing comes. */
  async begun({ settings }: Load): Promise<void> {
    for (const askedMs = performance.now(); (await this.ask("/")).events === 0; await Bun.sleep(lookMs))
      if (performance.now() - askedMs > settings.drainQuietMs) throw new Error("no stored message was told");
  }

  /** Waits until it is told nothing any more; throws a sentence when that goes on. */
  async quiet({ settings }: Load): Promise<void> {
    const askedMs = performance.now();
    for (let [heardMs, events] = [askedMs, -1]; performance.now() - heardMs < quietMs; await Bun.sleep(lookMs)) {
      const told = await this.ask("/");
      if (told.events !== events) [heardMs, events] = [performance.now(), told.events];
      if (performance.now() - askedMs > settings.drainQuietMs) throw new Error("a webhook was told after its end");
    }
  }

  /** Waits until it was told so many messages; throws a sentence when nothing comes any more. */
  async told(messages: number, { settings, tell }: Load): Promise<Told> {
    for (let heardMs = performance.now(), events = -1; ;) {
      const told = await this.ask("/");
      if (told.events > messages) throw new Error(`of ${messages} stored messages ${told.events} were told`);
      if (told.events === messages) return told;
      if (told.events > events) [heardMs, events] = [performance.now(), told.events];
      if (performance.now() - heardMs > settings.drainQuietMs)
        throw new Error(`of ${messages} stored messages ${messages - told.events} were not told`);
      tell("being told", told.events / messages);
      await Bun.sleep(lookMs);
    }
  }

  async stop(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.child.exited;
  }

  private async ask(path: "/" | "/reset"): Promise<Told> {
    const answer = await fetch(this.url + path);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- receiver-main.ts answers with it
    return (await answer.json()) as Told;
  }
}
