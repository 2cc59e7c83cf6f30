// What this browser keeps for all tabs, also when it is closed. Where it is forbidden, the page works without.

export function read(name: string): string | undefined {
  try {
    return localStorage.getItem(name) ?? undefined;
  } catch {
    return undefined;
  }
}

export function keep(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Forbidden or full: it ends with the page.
  }
}

/**
 * The name of this browser among those of an account: a device is signed in once, and two browsers that named their
 * first tabs alike would sign each other out.
 */
export function browserName(): string {
  const key = "roost browser";
  const name = read(key) ?? `web-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`;
  keep(key, name);
  return name;
}
