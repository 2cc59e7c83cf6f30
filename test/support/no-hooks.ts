// The webhooks of a store in which none are set.

import type { HookStore } from "../../src/store/hooks.ts";

export const noHooks: HookStore = {
  look: () => Promise.resolve({ version: "", isUsed: false, lease: { holder: "", beat: 0n } }),
  endpoints: () => Promise.resolve([]),
  set: () => Promise.resolve({ result: "full" }),
  remove: () => Promise.resolve(false),
  lease: (_, seen) => Promise.resolve(seen),
  save: () => Promise.resolve(false),
  waiting: () => Promise.resolve([]),
  dead: () => Promise.resolve([]),
  replay: () => Promise.resolve(0),
  page: ({ after }) => Promise.resolve({ records: [], upTo: after, isMore: false }),
  records: () => Promise.resolve([]),
  receivers: () => Promise.resolve([]),
};
