// One text for an account, or anything else that has a name within an app.

/** A key that names cannot forge: the length of its first part comes first. */
export function accountKey(app: string, name: string): string {
  return `${app.length}:${app}${name}`;
}
