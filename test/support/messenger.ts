// A whole messenger for a test: the standalone role in this process, on free ports, with its data in a temporary
// folder.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { signToken } from "../../src/auth/token.ts";
import { silentLog } from "../../src/base/log.ts";
import type { ControlCommands } from "../../src/observe/control-commands.ts";
import { testLimits } from "./limits.ts";
import type { RunningStandalone, StandaloneSettings } from "../../src/roles/settings.ts";
import { startStandalone } from "../../src/roles/standalone/start.ts";
import { WireClient } from "./wire-client.ts";
import { defaultSettings } from "../../scripts/harness/default-settings.ts";

const secret = new TextEncoder().encode("a secret that only tests know");
const anyPort = { host: "127.0.0.1", port: 0 };

export class Messenger {
  private readonly folder = mkdtempSync(join(tmpdir(), "roost-test-"));
  private role: RunningStandalone | undefined;
  readonly secret = secret;

  static async start(overrides: Partial<StandaloneSettings> = {}): Promise<Messenger> {
    const messenger = new Messenger();
    messenger.role = await startStandalone({
      ...defaultSettings("standalone"),
      id: "test",
      ws: anyPort,
      tcp: anyPort,
      monitor: anyPort,
      tokenKeys: { keys: [secret], appKeys: [], issuers: [] },
      dataFolder: messenger.folder,
      storePath: join(messenger.folder, "messages.db"),
      retentionDays: 15,
      zone: "",
      version: "test",
      limits: testLimits(),
      log: silentLog,
      ...overrides,
    });
    return messenger;
  }

  /** What is kept on the disk is in it. */
  get dataFolder(): string {
    return this.folder;
  }
  get tcp(): string {
    return this.role?.addresses.tcp ?? "";
  }
  get ws(): string {
    return this.role?.addresses.ws ?? "";
  }
  get monitor(): string {
    return this.role?.addresses.monitor ?? "";
  }

  /** `host:port`; '' if it has none. */
  get api(): string {
    return this.role?.addresses.api ?? "";
  }

  token(account: string, app = "app"): Promise<string> {
    return signToken(secret, { account, app, ttlSeconds: 3600 });
  }

  /** What operators may ask. */
  get control(): ControlCommands {
    if (this.role === undefined) throw new Error("it has not started");
    return this.role.control;
  }

  /** A client that has connected and said nothing. */
  stranger(): Promise<WireClient> {
    return WireClient.connect(this.tcp);
  }

  /** A client that is signed in. */
  async client(account: string, { app = "app", device = "" } = {}): Promise<WireClient> {
    const client = await this.stranger();
    await client.signIn(await this.token(account, app), device);
    return client;
  }

  drain(): Promise<void> {
    return this.role?.drain() ?? Promise.resolve();
  }

  /** Ends everything and removes the data. */
  async stop(): Promise<void> {
    await this.drain();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
