// Which messages a filled store holds, in which order, and what follows from that for a list of conversations. Pure:
// the process that fills a store and the one that checks its answers compute the same.

import type { Talk } from "../../src/store/store.ts";
import { bodyBytes } from "../generator/people.ts";
import { groupId, groupSenders, type Person, senderName } from "./population.ts";

/** What is to be stored. */
export interface Order {
  /** The database file, whose folder exists, or `postgres://…`. */
  readonly store: string;
  readonly app: string;
  readonly people: readonly Person[];
  /** Messages for others. */
  readonly rows: number;
}

/** A message to or from one of the people. */
interface Placed {
  readonly person: Person;
  readonly sender: string;
  readonly toGroup: boolean;
  readonly dest: string;
  readonly body: string;
  /** How the person names the conversation. */
  readonly partner: string;
  /** Its person has read the conversation up to here. */
  readonly isReadTo: boolean;
}

/** A conversation as its person has to see it. */
export interface Expected {
  readonly account: string;
  readonly group: string;
  readonly unread: number;
  readonly lastBody: string;
}

const others = 100_000;
const otherSenders = 1_000;
const otherBody = "x".repeat(bodyBytes);
/** Of an active person: each fourth message of a conversation is its own, and … */
const [ownEvery, ownTurn] = [4, 1];
/** … a third of the conversations are read up to this message, counted from 0. */
const [readEvery, readTurn] = [3, 2];
/** By the platform's own hash: receivers are at no fixed distance. */
const scatter = (number: number): number => Bun.hash.crc32(String(number));

/** Messages of the people. */
function placesOf(people: readonly Person[]): number {
  return people.reduce((sum, { messages }) => sum + messages, 0);
}

/** All messages of a store. */
export class FilledTalks {
  readonly total: number;
  private readonly order: Pick<Order, "app" | "people" | "rows">;
  private readonly places: number;
  private readonly stride: number;

  constructor(order: Pick<Order, "app" | "people" | "rows">) {
    this.order = order;
    this.places = placesOf(order.people);
    this.stride = strideOf(this.places);
    this.total = order.rows + this.places;
  }

  /** Message `number` of all, in the order of ids; `isReadTo`: its receiver has read up to it. */
  talk(number: number): { readonly talk: Talk; readonly placed: Placed | undefined } {
    const { app } = this.order;
    const { places, total } = this;
    const place = Math.floor((number * places) / total);
    // Where this whole number steps, a message of the people has its place: they are evenly among the others.
    const placed = Math.floor(((number + 1) * places) / total) > place ? this.placed(place) : undefined;
    const { sender, toGroup, dest, body } = placed ?? {
      sender: senderName(number % otherSenders),
      toGroup: false,
      dest: `somebody-${scatter(number) % others}`,
      body: otherBody,
    };
    return { talk: { app, sender, toGroup, dest, type: 1, body, extra: "", clientId: `filled-${number}` }, placed };
  }

  /** The conversations of an account, the newest first. */
  conversations(account: string): Expected[] {
    const found = new Map<string, Expected>();
    for (let place = 0; place < this.places; place++) {
      const { person, index } = this.whose(place);
      if (person.account !== account) continue;
      const { partner, toGroup, sender, body, isReadTo } = placedOf(person, index, place);
      const before = found.get(partner)?.unread ?? 0;
      const unread = isReadTo ? 0 : before + (sender === account ? 0 : 1);
      // The latest is the last one in the map.
      found.delete(partner);
      const name = toGroup ? { account: "", group: partner } : { account: partner, group: "" };
      found.set(partner, { ...name, unread, lastBody: body });
    }
    return [...found.values()].toReversed();
  }

  /** Message `place` of those of the people, in the order of ids. */
  private placed(place: number): Placed {
    const { person, index } = this.whose(place);
    return placedOf(person, index, place);
  }

  private whose(place: number): { readonly person: Person; readonly index: number } {
    let index = (place * this.stride) % this.places;
    for (const person of this.order.people) {
      if (index < person.messages) return { person, index };
      index -= person.messages;
    }
    throw new Error(`the people have no message ${place}`);
  }
}

/** Message `index` of a person. */
function placedOf(person: Person, index: number, place: number): Placed {
  const { account, senders, groups = 0, isActive = false } = person;
  const conversation = index % (senders + groups);
  const turn = Math.floor(index / (senders + groups));
  const toGroup = conversation >= senders;
  const isOwn = isActive && turn % ownEvery === ownTurn;
  const isReadTo = isActive && conversation % readEvery === 0 && turn === readTurn;
  const partner = toGroup ? groupId(account, conversation - senders) : senderName(conversation);
  const other = toGroup ? senderName((conversation + turn) % groupSenders) : partner;
  const dest = toGroup || isOwn ? partner : account;
  const body = `placed-${place}`.padEnd(bodyBytes, "x");
  return { person, sender: isOwn ? account : other, toGroup, dest, body, partner, isReadTo };
}

/** Near the golden section, so that any number of successive places are spread evenly; it meets each place once. */
function strideOf(places: number): number {
  let stride = Math.max(1, Math.round(places * 0.618_033_988_75));
  while (greatestCommonDivisor(stride, places) > 1) stride++;
  return stride;
}

function greatestCommonDivisor(one: number, other: number): number {
  return other === 0 ? one : greatestCommonDivisor(other, one % other);
}
