// A conversation of a demonstration: who talks there, which dialogue they are in, and what was said last.

import type { Random } from "../../base/random.ts";
import type { Partner } from "../../sdk/messenger/messenger-types.ts";
import { oneOf } from "../../site/person-names.ts";
import type { Actor } from "./actor.ts";
import { dialogues, type Language } from "./dialogues.ts";

/** What may still be reacted to, answered and edited. */
const recentMax = 20;

/** A message that is stored. */
export interface Said {
  readonly id: bigint;
  readonly actor: Actor;
  readonly text: string;
}

interface PlaceParts {
  readonly language: Language;
  /** Who talks there; the first one owns a group. At least one. */
  readonly actors: readonly Actor[];
  /** How one of them names it. */
  readonly partnerOf: (actor: Actor) => Partner;
  readonly isGroup: boolean;
  /** An account that listens there, and may be mentioned. */
  readonly guest?: string | undefined;
}

export class Place {
  readonly isGroup: boolean;
  readonly actors: readonly Actor[];
  readonly partnerOf: (actor: Actor) => Partner;
  /** The newest last. */
  readonly recent: Said[] = [];
  private readonly language: Language;
  private readonly guest: string | undefined;
  private lines: readonly string[] = [];
  private at = 0;
  private last: Actor | undefined;

  constructor({ language, actors, partnerOf, isGroup, guest }: PlaceParts) {
    this.language = language;
    this.actors = actors;
    this.partnerOf = partnerOf;
    this.isGroup = isGroup;
    this.guest = guest;
  }

  /** Who is not away, but for `other`. */
  present(other?: Actor): Actor[] {
    return this.actors.filter((actor) => actor !== other && actor.client !== undefined);
  }

  /** Somebody whose attention a member can draw; undefined if there is nobody else. */
  mentioned(actor: Actor, random: Random): string | undefined {
    const others = this.actors.filter((each) => each !== actor).map(({ account }) => account);
    if (this.guest !== undefined) others.push(this.guest);
    return this.isGroup && others.length > 0 ? oneOf(others, random) : undefined;
  }

  /** The next line and who says it; undefined while all are away. */
  next(random: Random): { readonly actor: Actor; readonly text: string } | undefined {
    const others = this.present(this.last);
    const speakers = others.length > 0 ? others : this.present();
    if (speakers.length === 0) return undefined;
    if (this.at >= this.lines.length) {
      this.lines = oneOf(dialogues[this.language], random);
      this.at = 0;
    }
    const text = this.lines[this.at++] ?? "";
    const actor = oneOf(speakers, random);
    this.last = actor;
    return { actor, text };
  }

  remember(said: Said): void {
    this.recent.push(said);
    if (this.recent.length > recentMax) this.recent.shift();
  }

  /** It was recalled. */
  forget(said: Said): void {
    const at = this.recent.indexOf(said);
    if (at >= 0) this.recent.splice(at, 1);
  }
}
