import { expect, test } from "bun:test";
import { abandonedStep, UnfinishedGroups } from "../../src/store/unfinished-groups.ts";

test("a group is given up that has got no further between two looks, and one that was given up before", () => {
  const unfinished = new UnfinishedGroups();
  const [first, second, old] = [
    { group: 1n, step: 0n },
    { group: 2n, step: 7n },
    { group: 3n, step: abandonedStep },
  ];
  expect(unfinished.look([first, second, old])).toEqual([old]);
  expect(unfinished.look([{ group: 1n, step: 1n }, second])).toEqual([second]);
  expect(unfinished.look([{ group: 1n, step: 2n }])).toEqual([]);
  expect(unfinished.look([])).toEqual([]);
  expect(unfinished.look([{ group: 1n, step: 2n }])).toEqual([]);
  unfinished.forget();
  expect(unfinished.look([{ group: 1n, step: 2n }])).toEqual([]);
  expect(unfinished.look([{ group: 1n, step: 2n }])).toHaveLength(1);
});
