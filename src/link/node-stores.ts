// The stores that a node of a logic service uses, as it announces them in the states of its links and in its metadata
// in the registry. A malformed or missing value, as of an earlier version, is unknown: nothing follows from it.

import { isShownPlace, isStoreIdentity, type StoreIdentity } from "../auth/store-ownership.ts";

/** What a node keeps in a store. Login and chat nodes share the sessions, chat nodes share the messages. */
export const storeKinds = ["sessions", "messages"] as const;
export type StoreKind = (typeof storeKinds)[number];

/** The stores of a node; undefined: it has none of that kind, does not know it yet, or does not say. */
export type NodeStores = Readonly<Record<StoreKind, StoreIdentity | undefined>>;

/** Of a node that says nothing. */
export const unknownStores: NodeStores = { sessions: undefined, messages: undefined };

/** What a link's state says of the stores; empty texts are those that are not said. */
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

/** Returns what a link's state says. */
export function storesOfMessage({ messages, messagesPlace, sessions, sessionsPlace }: StoresMessage): NodeStores {
  return { sessions: storeOf(sessions, sessionsPlace), messages: storeOf(messages, messagesPlace) };
}

/** Returns the entries of a registration's metadata; none for what is not known. */
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

/** Returns what metadata says. */
export function storesOfMetadata(metadata: ReadonlyMap<string, string>): NodeStores {
  const said = (kind: StoreKind): StoreIdentity | undefined =>
    storeOf(metadata.get(kind) ?? "", metadata.get(placeKey(kind)) ?? "");
  return { sessions: said("sessions"), messages: said("messages") };
}

/** Reports whether both say the same, places included. */
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
