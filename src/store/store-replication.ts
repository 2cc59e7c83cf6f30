// What a store on several servers tells its operator (see /health, and the metrics).

export interface StoreReplication {
  /** The host of the server that is written to; undefined while none is found. */
  readonly primary: string | undefined;
  /** Its standbys, and how far behind they are, in one line; or why that is unknown. */
  readonly standbys: string;
  /** The same as numbers; undefined while it is unknown, and none while no primary is found. */
  readonly lags: readonly StandbyLag[] | undefined;
}

/** How far a standby is behind its primary. */
export interface StandbyLag {
  /** Its application_name; several may have one. */
  readonly name: string;
  /** Of the primary's log, what it has not on its disk; undefined if it has just connected, or may not be seen. */
  readonly bytes: number | undefined;
  /** How old what it wrote last was by then; undefined if it has had nothing to write for a while. */
  readonly ms: number | undefined;
}
