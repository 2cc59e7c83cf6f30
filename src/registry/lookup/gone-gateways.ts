// Which gateways a login or chat node has lost its link to, as its metadata in the registry says: `gone` holds their
// ids with commas between them. The registry itself learns that a process has died when its lease ends, a minute and a
// half later; a link learns it at once. What is said decides only which gateways clients are told of: no proof covers
// it, and processes of other releases pass it over.

const goneKey = "gone";
const goneMax = 16;

/** The entries of a node's metadata: none where no gateway is gone. The first ones are told of very many. */
export function metadataOfGone(ids: readonly string[]): [key: string, value: string][] {
  return ids.length === 0 ? [] : [[goneKey, ids.slice(0, goneMax).join(",")]];
}

/** The ids that metadata name. */
export function goneIn(metadata: ReadonlyMap<string, string>): readonly string[] {
  return metadata.get(goneKey)?.split(",").slice(0, goneMax) ?? [];
}
