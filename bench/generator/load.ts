// What a load is given, and what it tells. A load runs in the generator's process, which is not the one that
// supervises.

import type { Findings } from "../result.ts";
import type { Target } from "../server/target.ts";

/** Numbers of a load. Each load says in its file which ones it looks at. */
export interface LoadSettings {
  /** Whether all of it works is all that is asked: tiny, at once, and without figures that mean anything. */
  readonly isTrial: boolean;
  /** How long is measured. */
  readonly seconds: number;
  readonly warmUpMs: number;
  /** When nothing has come for this long, what is missing is lost. */
  readonly drainQuietMs: number;
  readonly connections: number;
  readonly senders: number;
  /** In flight for each sender in a closed loop. */
  readonly window: number;
  /** A second over all senders, in an open loop; 0: closed loop. */
  readonly rate: number;
  readonly members: number;
  readonly messages: number;
  /** Messages for others that are in the store before; the `messages` are there, too, then. */
  readonly rows: number;
  readonly kills: number;
  /** Its name, of the attacks of the scenario `hostile`. */
  readonly attack: string;
  /** Which measurement of a scenario that has several; "" where one is all. */
  readonly part: string;
  /** `postgres://…`; null: SQLite. */
  readonly store: string | null;
  /** Tells the accounts of one run from another's on the same server. */
  readonly run: string;
}

/** What a load runs with. */
export interface Load {
  readonly target: Target;
  readonly settings: LoadSettings;
  /** For a person who waits: what goes on, and how much of it is done, 0 to 1. */
  readonly tell: (phase: string, done: number) => void;
}

/** Throws a sentence when the work was not done: then there is no figure. */
export type RunLoad = (load: Load) => Promise<readonly Findings[]>;
