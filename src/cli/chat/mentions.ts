// Mentions in typed and shown text: `@alice` names an account, `@*` everybody in a group.

/** An account that can be typed after an `@`: names with other characters cannot be mentioned. */
const mention = /(?<![\p{L}\p{M}\p{N}._@+-])@(\*|[\p{L}\p{N}][\p{L}\p{M}\p{N}._@+-]*)/gu;
/** The protocol's bound. */
const mentionsMax = 50;

const bold = (text: string): string => `\u001b[1m${text}\u001b[22m`;

/** Reports whether a text may mention somebody. */
export function hasMention(text: string): boolean {
  return text.search(mention) >= 0;
}

/**
 * Returns the accounts that a text mentions, at most 50: those that `isMember` accepts. A dot or hyphen at the end may
 * be the sentence's: `@bob.` is `bob.`, or else `bob`. `@*` alone is returned if `isMember` accepts it.
 */
export function mentionsIn(text: string, isMember: (account: string) => boolean): string[] {
  const found = new Set<string>();
  for (const [, name = ""] of text.matchAll(mention)) {
    const account = [name, name.replace(/[._@+-]+$/, "")].find(isMember);
    if (account === "*") return ["*"];
    if (account !== undefined && found.size < mentionsMax) found.add(account);
  }
  return [...found];
}

/** Reports whether a message mentions an account. */
export function isMentioned(mentions: readonly string[], account: string): boolean {
  return mentions.includes(account) || mentions.includes("*");
}

/** Makes the mentions of an account, and of everybody, bold. */
export function boldMentions(text: string, account: string): string {
  return text.replace(mention, (whole: string) => {
    const [meant] = mentionsIn(whole, (one) => one === account || one === "*");
    if (meant === undefined) return whole;
    return bold(`@${meant}`) + whole.slice(1 + meant.length);
  });
}
