// Who may change a message: a pure table, which both engines apply inside the transaction that commits (PostgreSQL by a
// function of the database that says the same: a test compares them).

/** What the transaction knows of the actor and the message. */
export interface ChangeFacts {
  readonly isAuthor: boolean;
  /** The actor may read the message: its author, its receiver, or a window of the group holds it. */
  readonly mayRead: boolean;
  /** The actor could talk there now: a member of the group, which exists; always in a direct conversation. */
  readonly mayTalk: boolean;
  /** The actor owns the group, or is one of its admins, and is a member. */
  readonly isAdmin: boolean;
  readonly isRecalled: boolean;
  /** The message is younger than the window of the change; false if the window is off. */
  readonly isRecent: boolean;
}

type Right = "allowed" | "notFound" | "forbidden" | "recalled" | "late" | "unchanged";

/**
 * - What one may not read does not exist.
 * - Edit: the author, who may still talk there, within the window; a recalled message stays recalled.
 * - Recall: the author within the window, whatever became of its rights; the group's admins at any time. A second one
 *   changes nothing.
 * - React: who may talk there; not to a recalled message.
 */
export function rightTo(action: "edit" | "recall" | "react", facts: ChangeFacts): Right {
  if (!facts.mayRead) return "notFound";
  switch (action) {
    case "edit":
      if (!facts.isAuthor || !facts.mayTalk) return "forbidden";
      if (facts.isRecalled) return "recalled";
      return facts.isRecent ? "allowed" : "late";
    case "recall":
      if (!facts.isAuthor && !facts.isAdmin) return "forbidden";
      if (facts.isRecalled) return "unchanged";
      return facts.isAdmin || facts.isRecent ? "allowed" : "late";
    case "react":
      if (!facts.mayTalk) return "forbidden";
      return facts.isRecalled ? "recalled" : "allowed";
  }
}
