// Who is in a simulated cluster.

export const group = "g1";
export const accounts = ["ann", "bob", "cid", "dan", "eve"] as const;
/** Whom clients watch: all of them, and one who is never there. */
export const watched: readonly string[] = [...accounts, "zoe"];
