// The events of the log for one endpoint: what is stored, edited, recalled, and changed in groups.

import type { Endpoint, HookRecord, HookStore } from "../store/hooks.ts";
import { eventText, type LaneEvent, type LaneRead, type LaneSource, recordText } from "./lane-source.ts";
import type { LogWindow } from "./log-window.ts";

export class LogSource implements LaneSource {
  private readonly endpoint: Endpoint;
  private readonly window: LogWindow;
  private readonly store: Pick<HookStore, "records">;

  constructor(endpoint: Endpoint, window: LogWindow, store: Pick<HookStore, "records">) {
    this.endpoint = endpoint;
    this.window = window;
    this.store = store;
  }

  async read(position: bigint): Promise<LaneRead> {
    const { records, upTo, isMore } = await this.window.after(position);
    const events: LaneEvent[] = [];
    for (const record of records) if (this.isWanted(record)) events.push(eventOf(record));
    return { events, upTo, isMore };
  }

  async texts(refs: readonly string[]): Promise<readonly string[]> {
    return (await this.store.records(refs.map(BigInt))).map(recordText);
  }

  private isWanted({ app, event }: HookRecord): boolean {
    return app === this.endpoint.app && this.endpoint.events.includes(event);
  }
}

function eventOf(record: HookRecord): LaneEvent {
  const { id, event, conversation, atMs, data } = record;
  const ref = `${id}`;
  return { ref, conversation, position: id, text: eventText(ref, event, atMs, data) };
}
