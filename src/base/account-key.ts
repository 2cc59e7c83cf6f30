// A map key for an account, or for anything else that has a name within an app.

/** Returns a key that is unique for each pair: the length of the first part leads. */
export function accountKey(app: string, name: string): string {
  return `${app.length}:${app}${name}`;
}
