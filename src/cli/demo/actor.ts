// A person of a demonstration, signed in or away for a while.

import { Community } from "../../sdk/community/community.ts";
import { Messenger } from "../../sdk/messenger/messenger.ts";
import type { MessengerOptions } from "../../sdk/messenger/messenger-types.ts";
import type { Person } from "./cast.ts";

/** How a person signs in. */
export type SignIn = Pick<MessengerOptions, "url" | "lookup" | "ca"> & {
  readonly tokenOf: (account: string) => Promise<string>;
};

/** Its device: a person who signs in with the same account elsewhere disturbs nobody. */
const device = "demo";

export class Actor {
  readonly person: Person;
  private readonly way: SignIn;
  private messenger: Messenger | undefined;

  constructor(person: Person, way: SignIn) {
    this.person = person;
    this.way = way;
  }

  get account(): string {
    return this.person.account;
  }

  /** Undefined while it is away. */
  get client(): Messenger | undefined {
    return this.messenger;
  }

  get community(): Community | undefined {
    return this.messenger && Community.of(this.messenger);
  }

  /** Signs in. Rejects as `Messenger.connect` does. */
  async come(): Promise<void> {
    const { tokenOf, ...way } = this.way;
    const token = (): Promise<string> => tokenOf(this.account);
    this.messenger = await Messenger.connect({ ...way, token, device }, Community.of);
  }

  /** Signs out. */
  async leave(): Promise<void> {
    const { messenger } = this;
    this.messenger = undefined;
    await messenger?.close();
  }
}
