// Who takes part in a demonstration: people who do not exist, the same ones for a seed.

import type { Random } from "../../base/random.ts";
import { givenNames, oneOf } from "../../site/person-names.ts";

export interface Person {
  readonly account: string;
  /** As profiles show it. */
  readonly name: string;
}

/** Names in other scripts, and one that is long: every fourth person has one, while there are some. */
const others: readonly Person[] = [
  { account: "chenjing", name: "陈静" },
  { account: "layla", name: "ليلى حداد" },
  { account: "noa", name: "נועה לוי" },
  { account: "wangwei", name: "王伟" },
  { account: "dmitri", name: "Дмитрий Орлов" },
  { account: "haruka", name: "春香 🌸" },
  { account: "yusra", name: "يسرى منصور" },
  { account: "maximiliane", name: "Maximiliane Freifrau von Hohenstein-Waldburg" },
  { account: "lixia", name: "李霞" },
  { account: "eleni", name: "Ελένη Παππά" },
];
const othersEach = 4;

const familyNames: readonly string[] = (
  "Adeyemi Alves Andersen Baker Bauer Berg Bianchi Costa Diaz Dubois Eriksen Fischer Garcia Haddad Hansen Ivanova " +
  "Jansen Kaya Keller Khan Kim Kovac Larsen Lopez Marino Meyer Moreau Nakamura Novak Okafor Olsen Patel Petrov Rossi " +
  "Sato Silva Singh Tanaka Virtanen Weber"
).split(" ");

/** Returns `count` people, at most as many as there are pairs of names. */
export function castOf(count: number, random: Random): Person[] {
  const cast = new Map<string, Person>();
  const left = others.values();
  while (cast.size < count) {
    const other = cast.size % othersEach === othersEach - 1 ? left.next().value : undefined;
    const person = other ?? invented(cast, random);
    cast.set(person.account, person);
  }
  return [...cast.values()];
}

function invented(cast: ReadonlyMap<string, Person>, random: Random): Person {
  const [given, family] = [oneOf(givenNames, random), oneOf(familyNames, random)];
  const name = `${given.charAt(0).toUpperCase()}${given.slice(1)} ${family}`;
  // The first one of a name has it alone.
  return { account: cast.has(given) ? `${given}.${family.toLowerCase()}` : given, name };
}
