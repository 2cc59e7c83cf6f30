// The choice of a node among eight, once a connection and service: each selector.

import { seededRandom } from "../../src/base/random.ts";
import { parseRouteFile } from "../../src/routing/selectors/route-file.ts";
import { RouteSelector } from "../../src/routing/selectors/route.ts";
import { createSelector, selectorNames, type SelectorName } from "../../src/routing/selectors/selection.ts";
import type { NodeView, SelectionKey, Selector } from "../../src/routing/selectors/selector.ts";
import type { Topic } from "./case.ts";
import { app } from "./sample.ts";

const nodeCount = 8;
const keyCount = 1024;

function selectorOf(name: SelectorName): Selector {
  const random = seededRandom(1);
  if (name !== "route") return createSelector(name, random);
  const zones = [
    { id: "z0", weight: 80 },
    { id: "z1", weight: 20 },
  ];
  return new RouteSelector(parseRouteFile(JSON.stringify({ zones }), "route.json"), random, { noServerFound() {} });
}

export function selectorsTopic(): Topic {
  const nodes = Array.from({ length: nodeCount }, (_, index): NodeView => ({
    id: `chat-${index}`,
    zone: `z${index % 2}`,
    weight: 1 + (index % 3),
    load: index,
  }));
  const keys = Array.from({ length: keyCount }, (_, index): SelectionKey => ({
    channelId: `gateway-1_account-${index}_k${index}`,
    app,
    account: `account-${index}`,
  }));
  return {
    cases: selectorNames.map((name) => {
      const selector = selectorOf(name);
      let turn = 0;
      return {
        name: `selectors/${name}, ${nodeCount} nodes`,
        run: () => {
          const key = keys[turn++ % keyCount];
          return key === undefined ? undefined : selector.choose(nodes, key);
        },
      };
    }),
  };
}
