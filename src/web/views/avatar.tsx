// A round with the initials of a name, on one of twelve colours that the account or group always has.

const colours = 12;

/** FNV-1a, with its bits mixed: 16 of them. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  // Its low bits are alike for names that are.
  return Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 16;
}

/** The hue of an account or group, in degrees. */
export const hueOf = (id: string): number => (hashOf(id) % colours) * (360 / colours);

/** The first letters of the first and the last word. */
function initialsOf(name: string): string {
  const words = name.split(/[\s._-]+/u).filter(Boolean);
  const first = (word = ""): string => String.fromCodePoint(word.codePointAt(0) ?? 0);
  return (words.length > 1 ? [words[0], words.at(-1)] : words).map(first).join("").toLocaleUpperCase();
}

interface AvatarProps {
  readonly id: string;
  readonly name: string;
  readonly isOnline?: boolean | undefined;
}

/** The name is to stand beside it. */
export function Avatar({ id, name, isOnline = false }: AvatarProps) {
  return (
    <span class={`avatar ${isOnline ? "is-online" : ""}`} style={{ "--hue": hueOf(id) }} aria-hidden="true">
      {initialsOf(name)}
    </span>
  );
}
