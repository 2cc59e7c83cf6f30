// Reads a JSON file that an operator wrote. The whole file is checked, and each error names the file and the field.

/** The file is malformed. The message is one sentence with the name of the file, and of the field if there is one. */
export class BadFile extends Error {
  override readonly name = "BadFile";
}

/** A value and its place in the file. */
export interface Field {
  /** The file's name in messages. */
  readonly path: string;
  /** The path of the value, such as `regions[0].id`; '' for the whole file. */
  readonly name: string;
  readonly value: unknown;
}

/**
 * Parses a file's content. `path` names the file in messages.
 * @throws BadFile
 */
export function parseJsonFile(text: string, path: string): Field {
  try {
    return { path, name: "", value: JSON.parse(text) };
  } catch (cause) {
    throw new BadFile(`${path}: expected JSON`, { cause });
  }
}

/** Returns a function that reads an object's members, present or not. Throws BadFile if there are other keys. */
export function membersOf<Key extends string>(field: Field, keys: readonly Key[]): (key: Key) => Field {
  const { path, name, value } = field;
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw faultAt(field, "expected an object");
  const members = new Map<string, unknown>(Object.entries(value));
  const memberOf = (key: string): Field => ({
    path,
    name: name === "" ? key : `${name}.${key}`,
    value: members.get(key),
  });
  const known: readonly string[] = keys;
  for (const key of members.keys()) {
    if (!known.includes(key)) throw faultAt(memberOf(key), "unknown key");
  }
  return memberOf;
}

/** Returns a list's elements, from `countMin` to `countMax`. */
export function listOf(field: Field, countMax: number, countMin = 0): Field[] {
  const { path, name, value } = field;
  if (!Array.isArray(value)) throw faultAt(field, "expected a list");
  if (value.length < countMin) throw faultAt(field, "expected at least one element");
  if (value.length > countMax) throw faultAt(field, `expected at most ${countMax} elements`);
  return value.map((item: unknown, index) => ({ path, name: `${name}[${index}]`, value: item }));
}

/** Returns a string that is not empty and in which `faultOf` finds nothing wrong. */
export function textOf(field: Field, faultOf: (text: string) => string | undefined): string {
  const { value } = field;
  if (typeof value !== "string" || value === "") throw faultAt(field, "expected a non-empty string");
  const fault = faultOf(value);
  if (fault !== undefined) throw faultAt(field, fault);
  return value;
}

/** Returns a whole number from 0 to `max`. */
export function wholeOf(field: Field, max: number): number {
  const { value } = field;
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > max)
    throw faultAt(field, `expected a whole number from 0 to ${max}`);
  return value;
}

/** Refuses a list in which two elements have the same value for `key`; `items` are the elements as read, in order. */
export function refuseDuplicates<Key extends string>(
  list: Field,
  key: Key,
  items: readonly Readonly<Record<Key, string>>[],
): void {
  const seen = new Set<string>();
  for (const [index, item] of items.entries()) {
    const value = item[key];
    if (seen.has(value))
      throw faultAt({ ...list, name: `${list.name}[${index}].${key}` }, `duplicate value ${JSON.stringify(value)}`);
    seen.add(value);
  }
}

/** Returns an error about a field, for the caller to throw. */
export function faultAt({ path, name }: Field, sentence: string): BadFile {
  return new BadFile(name === "" ? `${path}: ${sentence}` : `${path}: ${name}: ${sentence}`);
}
