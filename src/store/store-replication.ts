// What a store on several servers tells its operator (see /health).

export interface StoreReplication {
  /** The host of the server that is written to. */
  readonly primary: string;
  /** Its standbys, and how far behind they are. */
  readonly standbys: string;
}
