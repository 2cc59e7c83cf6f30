// Presence on a chat node: a thousand watchers of a hundred accounts each, between the sessions and the links. Pushes
// are encoded, and go nowhere.

import { systemClock } from "../../src/base/clock.ts";
import { PresencePushes } from "../../src/roles/chat/presence/presence-pushes.ts";
import { Watches } from "../../src/roles/chat/presence/watches.ts";
import type { Location, PresenceListener } from "../../src/session/sessions.ts";
import type { Topic } from "./case.ts";
import { app, gateway } from "./sample.ts";

const watchers = 1_000;
const accounts = 1_000;
const watchedEach = 100;
const changedAtOnce = 500;

export function presenceTopic(): Topic {
  const watches = new Watches();
  const online = new Set<string>();
  const locationOf = (account: string): Location => ({
    device: "",
    gateway,
    incarnation: "1",
    channelId: `${gateway}_${account}`,
  });
  const sessions = new Set<PresenceListener>();
  const locate = (_: string, names: readonly string[]): Promise<Location[][]> =>
    Promise.resolve(names.map((name) => (name.startsWith("watcher") || online.has(name) ? [locationOf(name)] : [])));
  /** What waits for the pause between two pushes; the cases end it. */
  const paused: (() => void)[] = [];
  const told = { bytes: 0 };
  const pushes = new PresencePushes({
    watches,
    clock: systemClock,
    timers: {
      after: (_, task) => {
        paused.push(task);
        return () => undefined;
      },
      soon: (task) => queueMicrotask(task),
    },
    sessions: {
      locate,
      watchPresence: (listener) => {
        sessions.add(listener);
        return () => sessions.delete(listener);
      },
    },
    dispatcher: {
      offer: (_, body) => {
        told.bytes += body().length;
        return true;
      },
    },
    metrics: {
      bug: (bug) => {
        throw bug;
      },
    },
    isPressed: () => false,
    left: () => undefined,
  });
  const nameOf = (index: number): string => `account-${index % accounts}`;
  const namesOf = (watcher: number): string[] =>
    Array.from({ length: watchedEach }, (_, index) => nameOf(watcher * watchedEach + index));
  const watch = (account: string, names: readonly string[]): void => {
    const watcher = watches.ask(app, account, locationOf(account), names);
    for (const name of names) watches.allow(watcher, name, 0);
  };
  for (let watcher = 0; watcher < watchers; watcher++) watch(`watcher-${watcher}`, namesOf(watcher));
  let next = 0;
  const change = (): void => {
    const account = nameOf(next++ * 7_919);
    const isOnline = !online.delete(account);
    if (isOnline) online.add(account);
    for (const listener of sessions) listener[isOnline ? "online" : "offline"](app, account);
  };
  const tell = async (changes: number): Promise<number> => {
    const { bytes } = told;
    for (let left = changes; left > 0; left--) change();
    // It is armed when the former work has ended.
    while (paused.length === 0) await Promise.resolve();
    paused.shift()?.();
    while (told.bytes === bytes || watches.isWaiting) await Promise.resolve();
    return told.bytes;
  };
  return {
    cases: [
      { name: `presence/a change, told to its ${(watchers * watchedEach) / accounts} watchers`, run: () => tell(1) },
      {
        name: `presence/${changedAtOnce} changes, told to ${watchers} watchers`,
        run: () => tell(changedAtOnce),
      },
      {
        name: `presence/${watchedEach} accounts watched, and no longer`,
        run: () => {
          watch("somebody", namesOf(0));
          watches.unwatch(`${gateway}_somebody`);
          return watches.size;
        },
      },
    ],
    close: () => Promise.resolve(pushes.stop()),
  };
}
