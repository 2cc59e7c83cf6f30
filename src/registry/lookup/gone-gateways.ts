// The gateways to which a login or chat node has lost its link, in the node's metadata in the registry: `gone` holds
// their ids, separated by commas. The registry itself learns of a dead process when its lease expires, a minute and a
// half later; a link breaks at once. The entry only affects which gateways clients are offered: no proof covers it, and
// other releases ignore it.

const goneKey = "gone";
const goneMax = 16;

/** Returns the entry of a node's metadata, none if no gateway is gone. Long lists are cut. */
export function metadataOfGone(ids: readonly string[]): [key: string, value: string][] {
  return ids.length === 0 ? [] : [[goneKey, ids.slice(0, goneMax).join(",")]];
}

/** Returns the ids in a node's metadata. */
export function goneIn(metadata: ReadonlyMap<string, string>): readonly string[] {
  return metadata.get(goneKey)?.split(",").slice(0, goneMax) ?? [];
}
