// Scenario `group`: ten members of a group talk, and all who are online get every talk. A talk is over when all of them
// have it; latencies are those of each delivery. A large group that is all there shows how fast deliveries are; a small
// one beside a huge one with as many online shows what members cost who are not there.

import { loadGroupOf } from "../generator/group-load.ts";
import type { Load } from "../generator/load.ts";
import type { Findings } from "../result.ts";
import type { Scenario } from "../scenario.ts";

/** In the generator: `members`, `connections` (online members), `senders`, and `window` or `rate`. */
export function loadGroup(load: Load): Promise<Findings[]> {
  const { members, connections, senders } = load.settings;
  return loadGroupOf(load, { members, online: connections, senders });
}

/** What is measured when the user asks for no other group. */
const groups = [
  { members: 1_000, online: 1_000 },
  { members: 10, online: 10 },
  { members: 10_000, online: 10 },
] as const;
/** There are several: each is measured for less time than other scenarios are. */
const secondsDefault = 3;

export const group: Scenario = {
  name: "group",
  takesUrl: true,
  async run(bench) {
    const { members = 1_000, online: share = 1, senders = 10, window = 4, rate } = bench.options;
    const pace = rate === undefined ? { window } : { rate };
    const isChosen = bench.options.members !== undefined || bench.options.online !== undefined;
    const seconds = bench.secondsOr(secondsDefault);
    for (const transport of bench.transports.slice(0, 1)) {
      for (const wish of isChosen ? [{ members, online: Math.max(2, Math.round(members * share)) }] : groups) {
        const connections = wish.online;
        const settings = {
          members: wish.members,
          connections,
          senders: Math.min(senders, connections),
          ...pace,
          seconds,
        };
        const plan = {
          scenario: "group",
          load: "group",
          transport,
          connections,
          settings,
        } as const;
        bench.report(await bench.measure(plan));
      }
    }
  },
};
