// What operators may ask of a process with a message store about webhooks (roost webhook).

import { type ControlCommand, type ControlFields, ControlRefused } from "../observe/control-commands.ts";
import { Refusal } from "../service/refusal.ts";
import { StoreUnavailable } from "../store/store.ts";
import type { HookDesk } from "./hook-desk.ts";

type Name = "webhook-set" | "webhook-remove" | "webhook-list" | "webhook-test" | "webhook-dead" | "webhook-replay";

export function hookCommands(desk: HookDesk): Readonly<Record<Name, ControlCommand>> {
  return {
    "webhook-set": (fields) => {
      const { events, isFailOpen } = fields;
      if (!Array.isArray(events)) throw new ControlRefused("events is a list of names");
      return answered(() =>
        desk.set({
          app: textIn(fields, "app"),
          name: textIn(fields, "name"),
          url: textIn(fields, "url"),
          secret: textIn(fields, "secret"),
          events: events.map(String),
          isFailOpen: isFailOpen === true,
        }),
      );
    },
    "webhook-remove": (fields) =>
      answered(async () => {
        await desk.remove(textIn(fields, "app"), textIn(fields, "name"));
        return {};
      }),
    "webhook-list": ({ app }) =>
      answered(async () => ({ endpoints: await desk.list(typeof app === "string" ? app : undefined) })),
    "webhook-test": (fields) => answered(() => desk.test(textIn(fields, "app"), textIn(fields, "name"))),
    "webhook-dead": (fields) =>
      answered(async () => ({ letters: await desk.dead(textIn(fields, "app"), textIn(fields, "name")) })),
    "webhook-replay": (fields) =>
      answered(async () => {
        const { id } = fields;
        const webhookId = typeof id === "string" ? id : undefined;
        return { batches: await desk.replay(textIn(fields, "app"), textIn(fields, "name"), webhookId) };
      }),
  };
}

function textIn(fields: ControlFields, key: string): string {
  const value = fields[key];
  if (value === undefined) return "";
  if (typeof value !== "string") throw new ControlRefused(`${key} is text`);
  return value;
}

async function answered<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Refusal) throw new ControlRefused(error.message);
    if (!(error instanceof StoreUnavailable)) throw error;
    throw new ControlRefused(`the message store cannot serve now: ${error.message}`);
  }
}
