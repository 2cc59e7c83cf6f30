// Where a lane finds its events, and how it names them in a batch.

import type { HookRecord } from "../store/hooks.ts";

/** An event as it is told. */
export interface LaneEvent {
  /** Names the event in a batch; without commas. */
  readonly ref: string;
  /** Events of one conversation are told in their order. */
  readonly conversation: string;
  /** Everything up to this id, this event included, is told when the event is. */
  readonly position: bigint;
  /** JSON. */
  readonly text: string;
}

export interface LaneRead {
  readonly events: readonly LaneEvent[];
  /** The position when all of them are told. */
  readonly upTo: bigint;
  /** There is more to read now. */
  readonly isMore: boolean;
}

export interface LaneSource {
  /** What follows a position, again and again until it is done. */
  read(position: bigint): Promise<LaneRead>;
  /** These events were told, or are in a batch of their own. */
  done?(refs: readonly string[]): void;
  /** Events as they are now, in the order of the references, without those that were deleted. */
  texts(refs: readonly string[]): Promise<readonly string[]>;
}

/** Many events are of one millisecond, and formatting it costs as much as the rest of an event. */
let stamped = { atMs: NaN, stamp: "" };

function stampOf(atMs: number): string {
  if (stamped.atMs !== atMs) stamped = { atMs, stamp: new Date(atMs).toISOString() };
  return stamped.stamp;
}

/** An event of Standard Webhooks ("Payload structure"), with an id of its own because a batch has many. */
export function eventText(id: string, type: string, atMs: number, data: string): string {
  return `{"id":${JSON.stringify(id)},"type":"${type}","timestamp":"${stampOf(atMs)}","data":${data}}`;
}

export function recordText({ id, event, atMs, data }: HookRecord): string {
  return eventText(`${id}`, event, atMs, data);
}
