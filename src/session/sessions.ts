// Where an account is connected: (app, account, device) → location. Any engine behind this interface gives:
//
// - One location for each (app, account, device); `put` replaces it atomically and returns what it replaced.
// - `remove` compares the channelId, so that a late sign-out removes only its own session.
// - Presence is told after the change it speaks of, in the order of the changes of one account.

/** One live connection of an account. */
export interface Location {
  readonly device: string;
  readonly channelId: string;
  /** The gateway's service id, and the start of it that holds the connection. */
  readonly gateway: string;
  readonly incarnation: string;
}

/** Told of an account's first device that appears and its last one that goes. */
export interface PresenceListener {
  online(app: string, account: string): void;
  offline(app: string, account: string): void;
}

export type PutOutcome =
  | { readonly result: "put"; readonly replaced: Location | undefined }
  /** devicesPerAccountMax other devices are signed in. */
  | { readonly result: "tooManyDevices" };

export interface Sessions {
  put(app: string, account: string, location: Location): Promise<PutOutcome>;
  /** True when the session was this channel's and is gone now. */
  remove(app: string, account: string, channelId: string): Promise<boolean>;
  /** Ends all sessions of a gateway (of one incarnation, or of every one but `keepIncarnation`). */
  removeGateway(gateway: string, keepIncarnation?: string): Promise<void>;
  /** The live locations of each account, in order of `accounts`. An engine in memory answers without a promise. */
  locate(
    app: string,
    accounts: readonly string[],
  ): readonly (readonly Location[])[] | Promise<readonly (readonly Location[])[]>;
  /** Returns the function that ends the watching. */
  watchPresence(listener: PresenceListener): () => void;
  close(): Promise<void>;
}
