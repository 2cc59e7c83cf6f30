// Scenario `slow`: pairs talk at a fixed rate while one client, which is sent two megabytes a second, stops
// reading. What counts is the p99 of the others, beside what it was before.

import type { Load } from "../generator/load.ts";
import { LoadClient } from "../generator/load-client.ts";
import { TalkTemplate } from "../generator/numbered-talk.ts";
import { eventsOf, Traffic } from "../generator/traffic.ts";
import type { Findings } from "../result.ts";
import type { Scenario } from "../scenario.ts";
import { Command } from "../../src/wire/commands.ts";
import { loadTalk } from "./talk.ts";

/** What the stalled client is sent. */
const floodPerSecond = 500;
const floodBodyBytes = 4 * 1024;
const floodPaceMs = 10;
/** What is left for it to read after the run, and how the server ends it, is there by then. */
const endMsMax = 3_000;

/** In the generator: `senders`, `rate`. */
export async function loadSlow(load: Load): Promise<Findings[]> {
  const { run } = load.settings;
  const [calm] = await loadTalk({ ...load, settings: { ...load.settings, run: `${run}a` } });
  const stall = await Stall.begin(load);
  try {
    const [whole, ...parts] = await Promise.race([loadTalk(load), stall.failure]);
    if (whole === undefined || calm === undefined) return [];
    const stalled = await stall.end();
    return [{ ...whole, calm_p99_ms: calm["p99_ms"] ?? null, ...stalled, valid: whole.valid && calm.valid }, ...parts];
  } finally {
    stall.disconnect();
  }
}

/** One client that does not read, and one that talks to it all the time. */
class Stall {
  private readonly traffic = new Traffic({ audience: 0, until: "answered" });
  private reader: LoadClient | undefined;
  private pacer: ReturnType<typeof setInterval> | undefined;

  static async begin({ target, settings }: Load): Promise<Stall> {
    const stall = new Stall();
    const { traffic } = stall;
    const dest = `stalled-${settings.run}`;
    // How it ends is what the run is about.
    const ignore = { answered() {}, pushed() {}, lost() {} };
    stall.reader = await LoadClient.signIn(target, dest, ignore);
    stall.reader.pause();
    const sender = traffic.sender();
    sender.client = await LoadClient.signIn(target, `flood-${settings.run}`, eventsOf(traffic, sender));
    const plan = { command: Command.UserTalk, dest, sender: 0, bodyBytes: floodBodyBytes };
    sender.requests = new TalkTemplate(sender.client.dialect, plan);
    const startMs = performance.now();
    stall.pacer = setInterval(() => {
      const due = ((performance.now() - startMs) / 1000) * floodPerSecond;
      while (sender.sent < due) sender.talk(performance.now());
      if (sender.refused > 0) traffic.fail(`${sender.refused} talks to the stalled client were refused`);
    }, floodPaceMs);
    return stall;
  }

  get failure(): Promise<never> {
    return this.traffic.failure;
  }

  /** Lets it read again: what was sent to it, and the code with which the server ended it, 0 if it did not. */
  async end(): Promise<{ stalled_sent: number; stalled_close_code: number }> {
    clearInterval(this.pacer);
    const { reader, traffic } = this;
    reader?.resume();
    const isEnded = (): boolean => reader?.isEnded !== false;
    const endMs = performance.now() + endMsMax;
    while (!isEnded() && performance.now() < endMs) await Bun.sleep(20);
    // 1006: it ended without a word.
    const code = isEnded() ? (reader?.closeReason?.code ?? 1006) : 0;
    return { stalled_sent: traffic.sent, stalled_close_code: code };
  }

  disconnect(): void {
    clearInterval(this.pacer);
    this.traffic.disconnect();
    this.reader?.disconnect();
  }
}

export const slow: Scenario = {
  name: "slow",
  takesUrl: true,
  async run(bench) {
    const { senders = 50, rate = 5_000 } = bench.options;
    for (const transport of bench.transports.slice(0, 1)) {
      const plan = { scenario: "slow", load: "slow", transport, connections: 2 * senders + 2 } as const;
      bench.report(await bench.measure({ ...plan, settings: { senders, rate } }));
    }
  },
};
