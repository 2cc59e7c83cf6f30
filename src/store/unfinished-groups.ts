// Which of the groups that are being created have been given up: those that have got no further between two looks of this
// process, a minute apart. No clock is asked, so none that is set forward or back gives up what somebody is at work on.

/** Groups that one look takes into account. */
export const unfinishedGroupsMax = 1_000;
/** The step of a group that was given up; it is for good. */
export const givenUpStep = -1n;

/** A group that is being created: each slice of members is a step. */
export interface UnfinishedGroup {
  readonly group: bigint;
  readonly step: bigint;
}

/** What one process has seen at its last look. */
export class UnfinishedGroups {
  private seen = new Map<bigint, bigint>();

  /** Returns those that were given up before, or are now. To be called at each look with all of them, up to the bound. */
  look(groups: readonly UnfinishedGroup[]): UnfinishedGroup[] {
    const { seen } = this;
    this.seen = new Map(groups.map(({ group, step }) => [group, step]));
    return groups.filter(({ group, step }) => step === givenUpStep || seen.get(group) === step);
  }

  /** The store is another one. */
  forget(): void {
    this.seen.clear();
  }
}
