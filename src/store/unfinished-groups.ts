// Detects groups whose creation was abandoned: those without progress between two looks of this process, a minute
// apart. It uses no clock, so setting a clock never abandons a group that is still being created.

/** The bound on groups that a look considers. */
export const unfinishedGroupsMax = 1_000;
/** The step of an abandoned group; it is final. */
export const abandonedStep = -1n;

/** A group that is being created; each slice of members is a step. */
export interface UnfinishedGroup {
  readonly group: bigint;
  readonly step: bigint;
}

export class UnfinishedGroups {
  private seen = new Map<bigint, bigint>();

  /** Returns the groups that are abandoned. Call it at each look with all groups, up to the bound. */
  look(groups: readonly UnfinishedGroup[]): UnfinishedGroup[] {
    const { seen } = this;
    this.seen = new Map(groups.map(({ group, step }) => [group, step]));
    return groups.filter(({ group, step }) => step === abandonedStep || seen.get(group) === step);
  }

  forget(): void {
    this.seen.clear();
  }
}
