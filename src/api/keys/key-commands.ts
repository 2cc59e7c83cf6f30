// What operators may ask of a process with a message store about keys of the API: roost key.

import { type ControlCommand, type ControlFields, ControlRefused } from "../../observe/control-commands.ts";
import { Refusal } from "../../service/refusal.ts";
import type { StoredApiKey } from "../../store/api-keys.ts";
import { StoreUnavailable } from "../../store/store.ts";
import type { KeyDesk } from "./key-desk.ts";

/** A key as answers show it; times in milliseconds since 1970, `revokedMs` 0 while it is in force. */
export type ShownKey = Omit<StoredApiKey, "hash" | "version">;

/** `key-create` with app, scopes and name, `key-list`, and `key-revoke` with id. */
export function keyCommands(desk: KeyDesk): Readonly<Record<string, ControlCommand>> {
  return {
    "key-create": (fields) =>
      answered(async () => {
        const { scopes } = fields;
        const { text, key } = await desk.create({
          app: textIn(fields, "app"),
          scopes: Array.isArray(scopes) ? scopes.map(String) : [],
          name: textIn(fields, "name"),
        });
        return { text, key: shownKey(key) };
      }),
    "key-list": () => answered(async () => ({ keys: (await desk.list("*")).map(shownKey) })),
    "key-revoke": (fields) => answered(async () => ({ key: shownKey(await desk.revoke(textIn(fields, "id"))) })),
  };
}

function shownKey({ id, app, scopes, name, createdMs, revokedMs }: StoredApiKey): ShownKey {
  return { id, app, scopes, name, createdMs, revokedMs };
}

function textIn(fields: ControlFields, name: string): string {
  const value = fields[name];
  if (typeof value === "string") return value;
  throw new ControlRefused(`${name} is missing: expected a text`);
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
