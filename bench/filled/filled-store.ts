// A store that holds many messages before a server opens it, shared by the scenarios of a run. The first one that wants
// it fills it, in a process of its own.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { makeFolder, spawnChild } from "../server/lifetime.ts";
import { measuredLimits } from "../server/limits.ts";
import { type StartedServer, startServer } from "../server/standalone.ts";
import { benchApp } from "../server/target.ts";
import type { Order } from "./filled-talks.ts";

/** For a person who waits: what share is done. */
type Tell = (done: number) => void;

/** What results say of the store that they were measured on. */
export interface FilledFacts {
  readonly rows: number;
  readonly fill_seconds: number;
  /** The server's start on it, from exec to the first 200 of /health. */
  readonly ready_ms: number;
}

type Content = Pick<Order, "people" | "rows">;

/** In SQLite. The servers that use it are started one after another; what one of them stores, the next one finds. */
export class FilledStore {
  private readonly content: Content;
  private filled: Promise<{ readonly folder: string; readonly seconds: number }> | undefined;

  constructor(content: Content) {
    this.content = content;
  }

  /** Starts a server on it, works on it, ends it. */
  async onServer<T>(tell: Tell, work: (server: StartedServer, facts: FilledFacts) => Promise<T>): Promise<T> {
    const { folder, seconds } = await (this.filled ??= this.fill(tell));
    const server = await startServer({ limits: measuredLimits, folder });
    const facts = { rows: this.content.rows, fill_seconds: Math.round(seconds), ready_ms: server.readyMs };
    try {
      return await work(server, facts);
    } finally {
      await server.stop();
    }
  }

  private async fill(tell: Tell): Promise<{ readonly folder: string; readonly seconds: number }> {
    // It goes when the bench ends.
    const folder = makeFolder();
    const data = join(folder, "data");
    mkdirSync(data, { mode: 0o700 });
    return { folder, seconds: await fillStore({ ...this.content, store: join(data, "messages.db") }, tell) };
  }
}

/** Fills a store; how many seconds that took. */
export async function fillStore(order: Omit<Order, "app">, tell: Tell): Promise<number> {
  const startMs = performance.now();
  const words = [join(import.meta.dir, "filler.ts"), JSON.stringify({ ...order, app: benchApp })];
  const child = spawnChild([process.execPath, ...words], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "inherit",
    ipc: (done: unknown) => {
      if (typeof done === "number") tell(done);
    },
  });
  const status = await child.exited;
  if (status !== 0) throw new Error(`the store could not be filled (exit status ${status ?? child.signalCode})`);
  return (performance.now() - startMs) / 1000;
}
