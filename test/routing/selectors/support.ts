// Nodes and keys for tests of selectors.

import type { NodeView, SelectionKey } from "../../../src/routing/selectors/selector.ts";
import type { Random } from "../../support/random.ts";

/** A node with these attributes; the others are what a node has that says nothing. */
export function node(id: string, attributes: Partial<NodeView> = {}): NodeView {
  return { id, zone: "", weight: 1, load: 0, ...attributes };
}

export const nodesOf = (...ids: string[]): NodeView[] => ids.map((id) => node(id));

export const keyOf = (channelId: string, app = "app", account = "account"): SelectionKey => ({
  channelId,
  app,
  account,
});

/** Keys as gateways make them. */
export function randomKeys(random: Random, count: number): SelectionKey[] {
  return Array.from({ length: count }, () => {
    const account = `user${random.below(1_000_000)}`;
    return keyOf(
      `gate${random.below(9)}_${account}_${random.u32().toString(36)}`,
      `app${random.below(1_000)}`,
      account,
    );
  });
}

/** How often each of the ids was chosen. */
export function countChoices(choices: readonly (NodeView | undefined)[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const choice of choices) {
    if (choice === undefined) throw new Error("nobody was chosen");
    counts.set(choice.id, (counts.get(choice.id) ?? 0) + 1);
  }
  return counts;
}

/** How far a count may be from count · share: six standard deviations, which chance reaches once in 10^9. */
export const deviationMax = (count: number, share: number): number => 6 * Math.sqrt(count * share * (1 - share)) + 1;
