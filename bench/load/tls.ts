// Scenario `tls`: what TLS costs, over each transport beside the same without it: handshakes a second, bare ones and
// with a sign-in, talks, and the memory of idle connections.

import type { Bench } from "../bench.ts";
import type { Result } from "../result.ts";
import type { Scenario } from "../scenario.ts";
import type { Transport } from "../server/target.ts";
import { warmUpConnections } from "./login.ts";

const pairs = [
  { plain: "tcp", secure: "tls" },
  { plain: "ws", secure: "wss" },
] as const;
type Pair = (typeof pairs)[number];

const loginConnections = 5_000;
const idleConnections = 15_000;

async function handshakes(bench: Bench, transport: Transport): Promise<void> {
  const { window = 16 } = bench.options;
  const plan = { load: "handshakes", transport, connections: window, settings: { window } } as const;
  bench.report(await bench.measure({ ...plan, scenario: "tls-handshake" }));
}

async function logins(bench: Bench, transport: Transport): Promise<void> {
  const { connections = loginConnections, window = 100 } = bench.options;
  const most = connections + warmUpConnections;
  const plan = { load: "login", transport, connections: most, settings: { connections, window } } as const;
  bench.report(await bench.measure({ ...plan, scenario: "tls-login" }));
}

async function talks(bench: Bench, { plain, secure }: Pair): Promise<void> {
  const { senders = 50, window = 32 } = bench.options;
  const plan = { load: "talk", connections: 2 * senders, settings: { senders, window } } as const;
  const measured = (transport: Transport): Promise<Result[]> =>
    bench.measure({ ...plan, scenario: "tls-talk", transport });
  const [beside] = await measured(plain);
  const [result] = await measured(secure);
  if (beside === undefined || result === undefined) return;
  const share = Number(result["per_second"]) / Number(beside["per_second"]);
  bench.report([beside, { ...result, share_of_plain: Math.round(share * 10_000) / 10_000 }]);
}

async function idlers(bench: Bench, { plain, secure }: Pair): Promise<void> {
  const connections = bench.options.connections ?? Math.min(idleConnections, bench.connectionsMax);
  const plan = { load: "idle", connections, settings: { connections } } as const;
  const measured = (transport: Transport): Promise<Result[]> =>
    bench.measure({ ...plan, scenario: "tls-idle", transport });
  const [beside] = await measured(plain);
  const [result] = await measured(secure);
  if (beside === undefined || result === undefined) return;
  const more = Number(result["bytes_per_connection"]) - Number(beside["bytes_per_connection"]);
  bench.report([beside, { ...result, bytes_more_than_plain: more }]);
}

export const tls: Scenario = {
  name: "tls",
  takesUrl: false,
  async run(bench) {
    const { transport } = bench.options;
    for (const pair of pairs) {
      if (transport !== undefined && transport !== pair.plain && transport !== pair.secure) continue;
      await handshakes(bench, pair.secure);
      await logins(bench, pair.secure);
      await talks(bench, pair);
      await idlers(bench, pair);
    }
  },
};
