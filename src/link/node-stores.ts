// The stores that a node of a logic service uses, as it announces them in the states of its links and in its metadata
// in the registry. A malformed or missing value, as of an earlier version, is unknown: nothing follows from it.

import { isShownPlace, isStoreIdentity, type StoreIdentity } from "../auth/store-ownership.ts";

/** The kinds of stores. Login and chat nodes share the sessions, chat nodes share the messages. */
export const storeKinds = ["sessions", "messages"] as const;
export type StoreKind = (typeof storeKinds)[number];

/** The stores of a node; undefined if it has none of that kind, does not know it yet, or does not announce it. */
export type NodeStores = Readonly<Record<StoreKind, StoreIdentity | undefined>>;

/** The stores of a node that announces none. */
export const unknownStores: NodeStores = { sessions: undefined, messages: undefined };

/** The stores in a link's state; unknown values are empty. */
interface StoresMessage {
  readonly messages: string;
  readonly messagesPlace: string;
  readonly sessions: string;
  readonly sessionsPlace: string;
}

/** Returns the fields of a link's state. */
export function messageOfStores({ messages, sessions }: NodeStores): StoresMessage {
  return {
    messages: messages?.identity ?? "",
    messagesPlace: messages?.place ?? "",
    sessions: sessions?.identity ?? "",
    sessionsPlace: sessions?.place ?? "",
  };
}

/** Returns the stores in a link's state. */
export function storesOfMessage({ messages, messagesPlace, sessions, sessionsPlace }: StoresMessage): NodeStores {
  return { sessions: storeOf(sessions, sessionsPlace), messages: storeOf(messages, messagesPlace) };
}

/** Returns the entries of a registration's metadata, without unknown values. */
export function metadataOfStores(stores: NodeStores): [key: string, value: string][] {
  return storeKinds.flatMap((kind): [string, string][] => {
    const store = stores[kind];
    if (store === undefined) return [];
    return [
      [kind, store.identity],
      [placeKey(kind), store.place],
    ];
  });
}

/** Returns the stores in metadata. */
export function storesOfMetadata(metadata: ReadonlyMap<string, string>): NodeStores {
  const said = (kind: StoreKind): StoreIdentity | undefined =>
    storeOf(metadata.get(kind) ?? "", metadata.get(placeKey(kind)) ?? "");
  return { sessions: said("sessions"), messages: said("messages") };
}

/** Reports whether both are equal, including the places. */
export function areSameStores(one: NodeStores, other: NodeStores): boolean {
  return storeKinds.every(
    (kind) => one[kind]?.identity === other[kind]?.identity && one[kind]?.place === other[kind]?.place,
  );
}

function placeKey(kind: StoreKind): string {
  return `${kind}-at`;
}

function storeOf(identity: string, place: string): StoreIdentity | undefined {
  return isStoreIdentity(identity) && isShownPlace(place) ? { identity, place } : undefined;
}
