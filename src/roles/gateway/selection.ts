// How a gateway chooses nodes, as configured: one selector for each service, or the route file's for all.

import type { Random } from "../../base/random.ts";
import { Links } from "../../routing/links.ts";
import { type Reload, reloadRouteFile } from "../../routing/selectors/reload-route-file.ts";
import { RouteSelector } from "../../routing/selectors/route.ts";
import { createSelector, type Selection } from "../../routing/selectors/selection.ts";
import type { ServiceMetrics } from "../../observe/metrics.ts";
import type { Channel } from "./channel.ts";

export interface ChosenLinks {
  readonly links: Links<Channel>;
  /** Reads the route file again; undefined when there is none. */
  readonly reload: () => Reload | undefined;
}

/** The links to `services`, with their selectors. */
export function linksBy(
  selection: Selection,
  services: readonly string[],
  random: Random,
  metrics: ServiceMetrics,
): ChosenLinks {
  if (selection.name !== "route") {
    const { name, zoneWeights } = selection;
    return { links: new Links(services, () => createSelector(name, random), zoneWeights), reload: () => undefined };
  }
  const { path, rules } = selection;
  const selector = new RouteSelector(rules, random, metrics);
  const links = new Links<Channel>(services, () => selector);
  const reload = (): Reload =>
    reloadRouteFile(path, (fresh) => {
      selector.replaceRules(fresh);
      links.forgetChoices();
    });
  return { links, reload };
}
