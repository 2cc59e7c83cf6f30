// What a registry node does to its table for each message of a client or another node, among five thousand instances.

import type { Topic } from "./case.ts";
import { filledTable, instancesOfService, services, stateOf } from "./registry-sample.ts";

const count = services * instancesOfService;

export function registryTableTopic(): Topic {
  const { table, versions } = filledTable();
  const known = Array.from(table.all());
  const states = known.map((entry) => entry.state(performance.now()));
  let turn = 0;
  return {
    cases: [
      {
        name: "registry-table/a renewal",
        run: () => {
          const entry = known[turn++ % count];
          const found = entry === undefined ? undefined : table.get(entry.identity);
          if (found !== undefined) table.touch(found, performance.now());
          return found;
        },
      },
      {
        name: "registry-table/merge of a state that is known",
        run: () => {
          const state = states[turn++ % count];
          return state === undefined ? undefined : table.merge(state);
        },
      },
      { name: "registry-table/merge of a newer state", run: () => table.merge(stateOf(turn++, versions.next())) },
    ],
  };
}
