// Whether the keys can be used, and are kept from others.

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { secretPath } from "../../auth/secret.ts";
import { hasLocalKey } from "../local-key-file.ts";
import { readClusterKeys, readGivenSecrets, readSecrets } from "../secrets.ts";
import { requireClosedRegistry, requireClusterKey } from "../serve/requirements.ts";
import { counted } from "../text-table.ts";
import { type Finding, Notes, ok, type Subject } from "./finding.ts";

/** Reads the keys of the client tokens, and those of issuers. */
export function checkTokenKeys({ values, role }: Subject): readonly Finding[] {
  const notes = new Notes();
  if (role === "gateway") return shown(readGivenSecrets(values, notes), notes);
  const folder = resolve(values.required("data"));
  const isGiven = values.isGiven("secret") || values.isGiven("secret-file");
  if (!isGiven && !existsSync(secretPath(folder))) return [ok(`the first start makes one in ${folder}`)];
  return shown(readSecrets(values, folder, false, notes), notes);
}

/** Reads the key of the API in the data folder, with which a server starts. */
export function checkLocalKey({ values }: Subject): readonly Finding[] {
  const folder = resolve(values.required("data"));
  return [ok(hasLocalKey(folder) ? `in ${folder}` : `the first start makes one in ${folder}`)];
}

/** What HS256 asks for (RFC 7518, 3.2). Who has a token can try shorter keys that people make up. */
const hs256BytesMin = 32;

function shown({ keys, appKeys, issuers, source }: ReturnType<typeof readSecrets>, notes: Notes): readonly Finding[] {
  const shortest = Math.min(...[...keys, ...appKeys.map(({ key }) => key)].map((key) => key.length));
  if (shortest < hs256BytesMin)
    notes.warn(
      `HS256 asks for keys of at least ${hs256BytesMin} bytes (RFC 7518, 3.2), and one in ${source} has ${shortest}; ` +
        "make another with: head -c 32 /dev/urandom | base64",
    );
  const issued = issuers.length === 0 ? "" : `, ${counted(issuers.length, "issuer")}`;
  return notes.or(`${counted(keys.length + appKeys.length, "key")}${issued} in ${source}`);
}

/** Reads the cluster keys. */
export function checkClusterKey({ values, role }: Subject): readonly Finding[] {
  const notes = new Notes();
  const { keys } = readClusterKeys(values, notes);
  if (role === "discovery") requireClosedRegistry(values, keys);
  else requireClusterKey(keys);
  return notes.or(
    keys.length === 0 ? "none: everybody who reaches this registry may write" : counted(keys.length, "key"),
  );
}
