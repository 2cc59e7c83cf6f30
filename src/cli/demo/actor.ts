// A person of a demonstration, signed in or away for a while.

import { Community } from "../../sdk/community/community.ts";
import { Messenger } from "../../sdk/messenger/messenger.ts";
import type { Conversation } from "../../sdk/messenger/conversation.ts";
import type { MessengerOptions, Partner } from "../../sdk/messenger/messenger-types.ts";
import type { Person } from "./cast.ts";

/** How a person signs in. */
export type SignIn = Pick<MessengerOptions, "url" | "lookup" | "ca"> & {
  readonly tokenOf: (account: string) => Promise<string>;
};

/** What somebody does in conversations. */
type Client = Pick<Messenger, "talkToUser" | "talkToGroup" | "react" | "edit" | "recall"> & {
  conversation(partner: Partner): Pick<Conversation, "markRead">;
};

/** Somebody who takes part. */
export interface Actor {
  readonly account: string;
  /** Undefined while it is away. */
  readonly client: Client | undefined;
  readonly community: Pick<Community, "typing" | "pinMessage"> | undefined;
  /** Signs in. Rejects as requests of the client library do. */
  come(): Promise<void>;
  /** Signs out. */
  leave(): Promise<void>;
}

/** Its device: a person who signs in with the same account elsewhere disturbs nobody. */
const device = "demo";

export class SignedIn implements Actor {
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

  get client(): Messenger | undefined {
    return this.messenger;
  }

  get community(): Community | undefined {
    return this.messenger && Community.of(this.messenger);
  }

  async come(): Promise<void> {
    const { tokenOf, ...way } = this.way;
    const token = (): Promise<string> => tokenOf(this.account);
    this.messenger = await Messenger.connect({ ...way, token, device }, Community.of);
  }

  async leave(): Promise<void> {
    const { messenger } = this;
    this.messenger = undefined;
    await messenger?.close();
  }
}
