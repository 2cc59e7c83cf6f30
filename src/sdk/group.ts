// Groups, as an application asks for them and hears of them.

export interface GroupDraft {
  readonly name: string;
  readonly members?: readonly string[];
  readonly avatar?: string;
  readonly introduction?: string;
  /** True: strangers cannot join by themselves. */
  readonly closed?: boolean;
}

/** A group that was created. */
export interface CreatedGroup {
  readonly id: string;
  /** Of the members asked for, those that are not in: others have put them in as many groups as may be. */
  readonly leftOut: readonly string[];
}
