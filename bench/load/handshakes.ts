// The load of handshakes: so many clients at a time connect, send a ping, and leave when its pong has come. Latencies
// are from the start of the connection to the pong. Each handshake is a full one: no client resumes a session.
//
// A handshake costs the generator more than the server. So the rate is a lower bound, and a busy generator makes no run
// invalid; `cpu_us_per_handshake` is the server's cost.

import type { Load } from "../generator/load.ts";
import { LoadClient } from "../generator/load-client.ts";
import { sharesBetween, usageFields, usageOf } from "../generator/usage.ts";
import { Latency } from "../latency.ts";
import type { Findings } from "../result.ts";

/** In the generator: `window` at a time. Throws when a connection ends before its pong. */
export async function loadHandshakes({ target, settings, tell }: Load): Promise<Findings[]> {
  const { window, warmUpMs, seconds } = settings;
  const fromMs = performance.now() + warmUpMs;
  const untilMs = fromMs + seconds * 1000;
  const latency = new Latency();
  const failing = Promise.withResolvers<never>();
  failing.promise.catch(() => undefined);
  let connected = 0;
  const events = { answered() {}, pushed() {}, lost: (reason: string) => failing.reject(new Error(reason)) };
  const shakeHands = async (): Promise<void> => {
    while (performance.now() < untilMs) {
      const startMs = performance.now();
      const client = await LoadClient.connect(target, events);
      await client.ping();
      client.disconnect();
      connected++;
      const endMs = performance.now();
      if (endMs >= fromMs && endMs < untilMs) latency.record(startMs, endMs);
    }
  };
  const until = async (ms: number, phase: string): Promise<void> => {
    tell(phase, 0);
    await Promise.race([Bun.sleep(ms - performance.now()), failing.promise]);
  };
  const workers = Promise.all(Array.from({ length: window }, shakeHands));
  workers.catch((error: unknown) => failing.reject(error));
  await until(fromMs, "warming up");
  const before = usageOf(target);
  await until(untilMs, "measuring");
  const shares = sharesBetween(before, usageOf(target));
  await Promise.race([workers, failing.promise]);
  const valid = latency.count > 0;
  const cores = shares.processes.reduce((total, share) => total + share, 0);
  return [
    {
      window,
      seconds,
      sent: connected,
      answered: connected,
      per_second: Math.round(latency.count / seconds),
      ...latency.fields(),
      ...usageFields(target, shares),
      valid,
      ...(valid ? { cpu_us_per_handshake: Math.round((cores * seconds * 1e6) / latency.count) } : {}),
      ...(valid ? {} : { doubt: "nothing ended while it was measured" }),
    },
  ];
}
