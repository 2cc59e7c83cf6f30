// Groups, as an application creates them.

export interface GroupDraft {
  readonly name: string;
  readonly members?: readonly string[];
  readonly avatar?: string;
  readonly introduction?: string;
  /** Whether only the owner can add members. */
  readonly closed?: boolean;
}

/** A group that was created. */
export interface CreatedGroup {
  readonly id: string;
  /** Requested members that were not added: others have put them into the maximum number of groups. */
  readonly leftOut: readonly string[];
}
