// The steps by which everything of an account is deleted, in order. Each is a series of slices, and each slice is a
// transaction that also writes down how far it is: whoever goes on after a crash begins where the last commit ended.

const deletionSteps = [
  /** It leaves its groups. */
  "groups",
  /** Its partners' conversations with it are cleared. */
  "partners",
  /** What it sent, and direct messages to it, lose their texts. */
  "messages",
  /** Mentions of its name by others. */
  "mentions",
  /** Batches of webhooks that name it. */
  "hooks",
  "reactions",
  /** Entries of the log about its reactions. */
  "entries",
  /** Blocks of it, and invitations that it made. */
  "blocks",
  "invitations",
  /** Cursors of a backup. */
  "marks",
  /** Read cursors and the time when it was seen, in their own file. */
  "reads",
  /** What is its own. */
  "own",
  /** Closed windows: who was a member when. */
  "windows",
  "done",
] as const;

export type DeletionStep = (typeof deletionSteps)[number];

/** Where a deletion is. Ids and numbers are decimal text. */
export interface DeletionPlace {
  readonly operation: string;
  /** The account's number. */
  readonly account: string;
  readonly step: DeletionStep;
  /** What the step has dealt with: an id or a row's number. */
  readonly position: string;
}

/** A slice, and for steps whose rows only the index finds, what it is about: ids of messages, numbers of partners. */
export interface DeletionSlice extends DeletionPlace {
  readonly found?: readonly string[];
  /** The step has nothing behind `found`. */
  readonly isLast?: boolean;
}

/** Ids of messages and numbers of partners of one slice. */
export const deletionFoundMax = 500;

/** The step after one that is complete. */
export function stepAfter(step: DeletionStep): DeletionStep {
  return deletionSteps[deletionSteps.indexOf(step) + 1] ?? "done";
}

export function isDeletionStep(text: string): text is DeletionStep {
  return deletionSteps.some((step) => step === text);
}
