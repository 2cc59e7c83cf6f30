// A key of the HTTP API: `rk_` and 256 random bits in base 62. It has an app, or all of them, and scopes. The store has
// its hash alone.

import { createHash } from "node:crypto";
import { nameRule, validName } from "../../auth/names.ts";
import { isPrintable } from "../../base/printable.ts";
import type { Random } from "../../base/random.ts";
import type { ApiKeyDraft } from "../../store/api-keys.ts";

const keyPattern = /^rk_[0-9A-Za-z]{43}$/;
const keyBits = 256;
/** Of the hash, in hexadecimal. */
const idDigits = 16;
const nameCharactersMax = 64;
const scopesMax = 32;
/** The app of a key of all apps. */
export const allApps = "*";
/** The scope that includes all others. */
export const allScopes = "*";

/** The name of the key that a standalone server makes for its operator (local-key.ts); no other key has it. */
export const localKeyName = "local key";

/**
 * Every scope, without `*` and those that end in `:*`; sorted. A test compares them with those of proto/api.proto: a
 * start needs keys, and shall not load the descriptors of the methods (see ../late-answers.ts).
 */
export const apiScopes: readonly string[] = [
  "accounts:announce",
  "accounts:ban",
  "accounts:delete",
  "accounts:read",
  "accounts:token",
  "accounts:write",
  "admin:keys",
  "admin:retention",
  "admin:webhooks",
  "conversations:read",
  "conversations:write",
  "groups:read",
  "groups:write",
  "messages:as",
  "messages:export",
  "messages:import",
  "messages:media",
  "messages:read",
  "messages:write",
];

const knownScopes: ReadonlySet<string> = new Set([
  allScopes,
  ...apiScopes,
  ...apiScopes.map((scope) => allOfService(scope)),
]);

/** What a request with a key is checked by. */
export interface ApiKey {
  readonly id: string;
  /** The app that it is for, or `*`. */
  readonly app: string;
  /** The app of a request that names none; undefined: a request of a key for all apps has to name one. */
  readonly defaultApp?: string | undefined;
  readonly scopes: ReadonlySet<string>;
  readonly name: string;
}

/** Reports whether scopes include one: by its name, by that of its service (`groups:*`), or by `*`. */
export function permits(scopes: ReadonlySet<string>, wanted: string): boolean {
  return scopes.has(wanted) || scopes.has(allScopes) || scopes.has(allOfService(wanted));
}

/** `groups:*` of `groups:read`. */
function allOfService(scope: string): string {
  return `${scope.slice(0, scope.indexOf(":"))}:*`;
}

/** Reports whether a text may be a key, by its form. */
export function isKeyText(text: string): boolean {
  return keyPattern.test(text);
}

/** SHA-256 of a key's text, in hexadecimal digits. */
export function hashOfKey(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

export interface KeyWish {
  readonly app: string;
  readonly scopes: readonly string[];
  readonly name: string;
}

/** Returns what is wrong with the app, the scopes or the name of a key to be made; undefined: nothing. */
export function faultOfKey({ app, scopes, name }: KeyWish): string | undefined {
  if (app !== allApps && !validName(app)) return `app: expected * for all apps, or a name of ${nameRule}`;
  if (!isKeyName(name))
    return `name: expected 1 to ${nameCharactersMax} visible characters that say what the key is for`;
  if (scopes.length === 0 || scopes.length > scopesMax)
    return `scopes: expected 1 to ${scopesMax} of ${apiScopes.join(", ")}; a service's all are such as groups:*`;
  const unknown = scopes.find((scope) => !knownScopes.has(scope));
  if (unknown === undefined) return undefined;
  const shown = JSON.stringify(unknown.slice(0, nameCharactersMax));
  return `scopes: there is no scope ${shown}; expected *, ${apiScopes.join(", ")}`;
}

function isKeyName(name: string): boolean {
  if (name === localKeyName) return false;
  // A character has at most two units.
  if (name.length > 2 * nameCharactersMax || name.trim() === "") return false;
  return Array.from(name).length <= nameCharactersMax && isPrintable(name);
}

interface NewKey {
  /** The key, for its holder. */
  readonly text: string;
  readonly draft: ApiKeyDraft;
}

/** Makes a key; the wish has no fault. */
export function newKey(wish: KeyWish, random: Random): NewKey {
  const text = newKeyText(random);
  return { text, draft: draftOf(text, wish) };
}

/** `random`: whose numbers nobody may guess. */
export function newKeyText(random: Random): string {
  return `rk_${random.base62(keyBits)}`;
}

/** What is stored of a key. */
export function draftOf(text: string, { app, scopes, name }: KeyWish): ApiKeyDraft {
  const hash = hashOfKey(text);
  return { id: hash.slice(0, idDigits), hash, app, scopes: [...new Set(scopes)], name };
}
