// A load as small as it gets, for tests of the generator.

import type { Load, LoadSettings } from "../../bench/generator/load.ts";
import type { Target } from "../../bench/server/target.ts";

const settings: LoadSettings = {
  isTrial: true,
  seconds: 0.1,
  warmUpMs: 0,
  drainQuietMs: 300,
  connections: 0,
  senders: 2,
  window: 4,
  rate: 0,
  members: 0,
  messages: 0,
  rows: 0,
  kills: 0,
  attack: "",
  part: "",
  store: null,
  run: "run",
};

/** On a server, with some other settings, and told to nobody. */
export function quietLoad(target: Target, changes: Partial<LoadSettings> = {}): Load {
  return { target, settings: { ...settings, ...changes }, tell: () => undefined };
}
