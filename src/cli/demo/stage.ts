// Sets the scene of a demonstration: signs its people in, gives them profiles and groups, and finds those again that an
// earlier one has left.

import type { Random } from "../../base/random.ts";
import type { Community } from "../../sdk/community/community.ts";
import { assert } from "../../base/assert.ts";
import { type Actor, SignedIn, type SignIn } from "./actor.ts";
import type { Person } from "./cast.ts";
import { groupPlans } from "./dialogues.ts";
import { Place } from "./place.ts";

/** Sign-ins at a time, and groups that are made at a time. */
const atOnce = 8;
/** Members of a group; the first group has more. */
const membersMin = 4;
const membersMax = 12;
const firstMembersMax = 200;
/** Of all conversations, how many are direct ones, for each person. */
const directEach = 1.5;
/** People who write to the guest. */
const guestPartners = 3;

interface StageParts {
  readonly people: readonly Person[];
  readonly groups: number;
  /** An account that somebody uses: it is in all groups, and some write to it. */
  readonly guest: string | undefined;
  readonly way: SignIn;
  readonly random: Random;
}

/** The people, who are signed in, and where they talk. */
export interface Stage {
  readonly actors: readonly Actor[];
  readonly places: readonly Place[];
  /** No earlier demonstration has left its groups. */
  readonly isNew: boolean;
}

/** Sets it. Rejects, with everybody signed out, as requests of the client library do. */
export async function setStage({ people, groups, guest, way, random }: StageParts): Promise<Stage> {
  const actors = people.map((person) => new SignedIn(person, way));
  try {
    // One first: what is wrong with the address or the key is wrong for all.
    for (const some of [actors.slice(0, 1), actors.slice(1)]) await inTurns(some, comeIn);
    const plans = Array.from({ length: groups }, (_, at) => ({ at, members: membersOf(actors, at, random) }));
    const places: Place[] = [];
    let isNew = true;
    await inTurns(plans, async ({ at, members }) => {
      const found = await groupPlace(at, members, guest);
      places[at] = found.place;
      isNew &&= found.isNew;
    });
    places.push(...directPlaces(actors, guest, random));
    return { actors, places, isNew };
  } catch (error) {
    await Promise.all(actors.map((actor) => actor.leave()));
    throw error;
  }
}

async function comeIn(actor: SignedIn): Promise<void> {
  await actor.come();
  const { name } = actor.person;
  await presentCommunity(actor).setProfile({ name });
}

/** Runs work for each of a list, so many at a time. Rejects with the first failure. */
async function inTurns<T>(list: readonly T[], work: (each: T) => Promise<void>): Promise<void> {
  const left = list.values();
  const turn = async (): Promise<void> => {
    for (const each of left) await work(each);
  };
  await Promise.all(Array.from({ length: atOnce }, turn));
}

/** Some of a list, in another order. */
function someOf<T>(list: readonly T[], count: number, random: Random): T[] {
  const keyed = list.map((each) => ({ each, key: random.uint32() }));
  return keyed
    .toSorted((one, other) => one.key - other.key)
    .slice(0, count)
    .map(({ each }) => each);
}

function membersOf(actors: readonly SignedIn[], at: number, random: Random): SignedIn[] {
  if (at === 0) return actors.slice(0, firstMembersMax);
  return someOf(actors, membersMin + (random.uint32() % (membersMax - membersMin + 1)), random);
}

/** Finds the owner's group of this name, or makes it, with one admin and an alias. */
async function groupPlace(
  at: number,
  members: readonly SignedIn[],
  guest: string | undefined,
): Promise<{ readonly place: Place; readonly isNew: boolean }> {
  const plan = groupPlans[at] ?? { name: `Team ${at + 1}`, language: "english", introduction: "" };
  const { name, language, introduction, announcement = "" } = plan;
  const [owner, admin, named] = members;
  assert(owner?.client !== undefined, "a group has an owner, who is signed in");
  const community = presentCommunity(owner);
  await community.groups.ready();
  const known = community.groups.items.find((each) => each.name === name && each.role === "owner");
  const accounts = members.slice(1).map(({ account }) => account);
  const id = known?.id ?? (await owner.client.newGroup({ name, introduction, members: accounts })).id;
  const group = community.group(id);
  if (known !== undefined) await group.add(accounts);
  else {
    if (announcement !== "") await group.update({ announcement });
    if (admin !== undefined) await group.setRole(admin.account, "admin");
    if (named !== undefined) await presentCommunity(named).group(id).setAlias(`${named.person.name} ⛺`);
  }
  if (guest !== undefined) await group.add([guest]);
  const place = new Place({ language, actors: members, partnerOf: () => ({ group: id }), isGroup: true, guest });
  return { place, isNew: known === undefined };
}

function presentCommunity(actor: SignedIn): Community {
  const { community } = actor;
  assert(community !== undefined, "nobody leaves before the scene is set");
  return community;
}

function directPlaces(actors: readonly Actor[], guest: string | undefined, random: Random): Place[] {
  const places: Place[] = [];
  const pairs = new Set<string>();
  for (let made = 0; made < actors.length * directEach; made++) {
    const [one, other] = someOf(actors, 2, random).toSorted((a, b) => (a.account < b.account ? -1 : 1));
    if (one === undefined || other === undefined || pairs.has(`${one.account},${other.account}`)) continue;
    pairs.add(`${one.account},${other.account}`);
    places.push(
      new Place({
        language: "english",
        actors: [one, other],
        partnerOf: (actor) => ({ account: (actor === one ? other : one).account }),
        isGroup: false,
      }),
    );
  }
  if (guest === undefined) return places;
  for (const actor of someOf(actors, guestPartners, random))
    places.push(
      new Place({ language: "english", actors: [actor], partnerOf: () => ({ account: guest }), isGroup: false }),
    );
  return places;
}
