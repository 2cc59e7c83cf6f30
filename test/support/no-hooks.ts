// The webhooks of a store in which none are set.

import { serialize } from "bun:jsc";
import type { HookReads, HookStore } from "../../src/store/hooks.ts";

const reads: HookReads = {
  waiting: () => Promise.resolve([]),
  page: ({ after }) => Promise.resolve({ records: [], upTo: after, isMore: false }),
  records: () => Promise.resolve([]),
  receivers: () => Promise.resolve([]),
};

export const noHooks: HookStore = {
  ...reads,
  serialized: {
    waiting: async (...words) => serialize(await reads.waiting(...words)),
    page: async (...words) => serialize(await reads.page(...words)),
    records: async (...words) => serialize(await reads.records(...words)),
    receivers: async (...words) => serialize(await reads.receivers(...words)),
  },
  file: () => Promise.resolve(undefined),
  look: () => Promise.resolve({ version: "", isUsed: false, lease: { holder: "", beat: 0n } }),
  endpoints: () => Promise.resolve([]),
  set: () => Promise.resolve({ result: "full" }),
  remove: () => Promise.resolve(false),
  lease: (_, seen) => Promise.resolve(seen),
  save: () => Promise.resolve(false),
  dead: () => Promise.resolve([]),
  replay: () => Promise.resolve(0),
};
