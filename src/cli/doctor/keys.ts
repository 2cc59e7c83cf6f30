// Whether the keys can be used, and are kept from others.

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { secretPath } from "../../auth/secret.ts";
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

function shown({ keys, appKeys, issuers, source }: ReturnType<typeof readSecrets>, notes: Notes): readonly Finding[] {
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
