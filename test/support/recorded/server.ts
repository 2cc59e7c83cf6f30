// The server of a recording and of its replays: one process with two keys of tokens.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ServerProcess } from "../../../scripts/harness/server-process.ts";
import { until } from "../../../scripts/harness/until.ts";
import type { PlayedServer } from "./player.ts";
import { keys, recordedToken, type Step } from "./recording.ts";
import { channelCharacters } from "./values.ts";
import { WireClient } from "../wire-client.ts";

/** What old clients were recorded with: limits that the sessions reach. */
export const recordedWords: readonly string[] = [
  "--default-app",
  "kim",
  "--retention",
  "15d",
  "--limit",
  "devices-per-account=4,group-changes-at-once=20,group-changes-per-second=1",
];

/** The number in the id of a connection. */
async function channelNumber({ tcp }: ServerProcess): Promise<string> {
  const client = await WireClient.connect(new URL(tcp).host);
  const exp = Math.floor(Date.now() / 1000) + 600;
  await client.signIn(recordedToken({ account: "first", app: "first", key: "first", ttlSeconds: 0 }, exp));
  client.terminate();
  return client.channelId.slice(client.channelId.lastIndexOf("_") + 1);
}

export class RecordedServer implements PlayedServer {
  private readonly process: ServerProcess;
  private readonly secretPath: string;

  private constructor(process: ServerProcess, secretPath: string) {
    this.process = process;
    this.secretPath = secretPath;
  }

  /** Starts it with its data in a folder. */
  static async start(folder: string, words: readonly string[]): Promise<RecordedServer> {
    const path = join(folder, "secret");
    writeFileSync(path, `${keys.first}\n${keys.second}\n`, { mode: 0o600 });
    for (;;) {
      const process = await ServerProcess.start(folder, ["--secret-file", path, ...words]);
      if ((await channelNumber(process)).length === channelCharacters) return new RecordedServer(process, path);
      // The numbers of one start in twenty are shorter, and so would be whatever names them.
      await process.end("SIGKILL");
    }
  }

  get tcpPort(): number {
    return Number(new URL(this.process.tcp).port);
  }

  get wsPort(): number {
    return Number(new URL(this.process.ws).port);
  }

  async act(act: NonNullable<Step["server"]>): Promise<void> {
    if (act === "end") return this.process.signal("SIGTERM");
    writeFileSync(this.secretPath, `${keys.first}\n`, { mode: 0o600 });
    this.process.signal("SIGHUP");
    await until(() => this.process.log.includes("the keys of the client tokens were"), "the keys are read again");
    return undefined;
  }

  async stop(): Promise<void> {
    await this.process.end("SIGKILL");
  }
}
