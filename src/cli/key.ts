// roost key create, list and revoke: keys of the HTTP API. A running server is asked; a store that no server serves is
// changed directly, and so is the one that --store names.

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { allApps } from "../api/keys/api-key.ts";
import { keyCommands } from "../api/keys/key-commands.ts";
import { KeyDesk } from "../api/keys/key-desk.ts";
import { arrayOf, type Fields, fieldsOf, ifWellFormed, stringOf, wholeOf } from "../base/json-fields.ts";
import { silentLog } from "../base/log.ts";
import { systemRandom } from "../base/random.ts";
import { type ControlFields, ControlRefused } from "../observe/control-commands.ts";
import { fileScheme, openKeyTool } from "../options/engines.ts";
import { isDatabaseFile } from "../options/engine-url.ts";
import { StoreUnavailable } from "../store/store.ts";
import { printLines, say } from "./command-output.ts";
import { otherVersion } from "./control/ask.ts";
import { askStoreProcess } from "./control/ask-store-process.ts";
import { lockDataFolder, lockStore } from "./data-folder.ts";
import type { OptionValues } from "./option-values.ts";
import { tableLines } from "./text-table.ts";
import { StartError } from "./usage-error.ts";

/** A key as a process shows it. */
interface ShownKey {
  readonly id: string;
  readonly app: string;
  readonly scopes: readonly string[];
  readonly name: string;
  readonly createdMs: number;
  readonly revokedMs: number;
}

/** Prints the text of a new key, and on standard error what it is. Throws StartError, UsageError. */
export async function createKey(values: OptionValues): Promise<void> {
  const wish = {
    app: values.required("app"),
    scopes: values.required("scope", "is required: what the key permits, such as messages:write,groups:read"),
    name: values.required("name", "is required: what the key is for"),
  };
  const answer = await ask(values, "key-create", wish);
  const made = ifWellFormed(() => {
    const fields = fieldsOf(answer, "the answer");
    return { text: stringOf(fields, "text"), key: keyIn(fieldsOf(fields["key"], "key")) };
  });
  if (made === undefined) throw new StartError(otherVersion);
  const { id, app, scopes } = made.key;
  say(`the key ${id} of ${appText(app)} permits ${scopes.join(", ")}; it is shown this once`);
  await printLines([made.text]);
}

/** Prints a table, or with --json a line for each key. Throws StartError. */
export async function listKeys(values: OptionValues): Promise<void> {
  const answer = await ask(values, "key-list", {});
  const keys = ifWellFormed(() =>
    arrayOf(fieldsOf(answer, "the answer")["keys"], "keys").map((key) => keyIn(fieldsOf(key, "keys"))),
  );
  if (keys === undefined) throw new StartError(otherVersion);
  if (values.required("json")) await printLines(keys.map((key) => JSON.stringify(key)));
  else if (keys.length === 0) await printLines(["there are no keys; roost key create makes one"]);
  else await printLines([...tableLines([header, ...keys.map(rowOf)])]);
}

/** Throws StartError. */
export async function revokeKey(values: OptionValues): Promise<void> {
  const answer = await ask(values, "key-revoke", { id: values.operand });
  const key = ifWellFormed(() => keyIn(fieldsOf(fieldsOf(answer, "the answer")["key"], "key")));
  if (key === undefined) throw new StartError(otherVersion);
  await printLines([`the key ${key.id} (${key.name}) is refused since ${timeText(key.revokedMs)}`]);
}

const header = ["ID", "APP", "NAME", "SCOPES", "CREATED", "REVOKED"];

function rowOf({ id, app, name, scopes, createdMs, revokedMs }: ShownKey): string[] {
  return [id, app, name, scopes.join(","), timeText(createdMs), revokedMs === 0 ? "" : timeText(revokedMs)];
}

function timeText(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19)}Z`;
}

function appText(app: string): string {
  return app === allApps ? "all apps" : `the app ${app}`;
}

function keyIn(fields: Fields): ShownKey {
  return {
    id: stringOf(fields, "id"),
    app: stringOf(fields, "app"),
    scopes: arrayOf(fields["scopes"], "scopes").map(String),
    name: stringOf(fields, "name"),
    createdMs: wholeOf(fields["createdMs"], "createdMs"),
    revokedMs: wholeOf(fields["revokedMs"], "revokedMs"),
  };
}

/** Has a command done by a process that serves the store, or by this one. */
async function ask(values: OptionValues, command: string, fields: ControlFields): Promise<unknown> {
  const store = values.optional("store");
  if (store !== undefined) {
    const path = isDatabaseFile(store) ? resolve(store.slice(fileScheme.length)) : undefined;
    // A list of keys writes nothing.
    const isAsync = command === "key-list" || values.required("store-async");
    return changed(store, isAsync, path === undefined ? () => undefined : lockStore(path, "shared"), command, fields);
  }
  const isOther = values.isGiven("node") || (values.isGiven("discovery") && values.typedAs("data") !== "--data");
  const folder = resolve(values.required("data"));
  const path = join(folder, "messages.db");
  const unlock = isOther || !existsSync(path) ? undefined : lockIfStopped(folder);
  return unlock === undefined
    ? askStoreProcess(values, command, fields)
    : changed(`${fileScheme}${path}`, false, unlock, command, fields);
}

/** Locks the folder of a server that does not run; undefined if it runs, or the folder cannot be locked. */
function lockIfStopped(folder: string): (() => void) | undefined {
  try {
    return lockDataFolder(folder);
  } catch (error) {
    if (error instanceof StartError) return undefined;
    throw error;
  }
}

/** Does it in a store of this process's own; calls `unlock` at the end. */
async function changed(
  url: string,
  isAsync: boolean,
  unlock: () => void,
  command: string,
  fields: ControlFields,
): Promise<unknown> {
  try {
    const tool = await openKeyTool(url, isAsync);
    try {
      const desk = new KeyDesk({ keys: tool.keys, random: systemRandom, log: silentLog });
      return await keyCommands(desk)[command]?.(fields);
    } finally {
      await tool.close();
    }
  } catch (error) {
    if (error instanceof ControlRefused || error instanceof StoreUnavailable) throw new StartError(error.message);
    throw error;
  } finally {
    unlock();
  }
}
