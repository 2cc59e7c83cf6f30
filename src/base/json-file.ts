// Reading a JSON file that an operator wrote: it is checked whole, and a mistake is told with the file's name and the
// field's, so that nobody has to look for it.

/** A file says what it may not; the message is one sentence with the file's name, and the field's if there is one. */
export class BadFile extends Error {
  override readonly name = "BadFile";
}

/** A value with the place where it stands. */
export interface Field {
  /** What messages call the file. */
  readonly path: string;
  /** Such as `regions[0].id`; '' for the whole file. */
  readonly name: string;
  readonly value: unknown;
}

/**
 * A file's content; `path` is what messages call it.
 * @throws BadFile
 */
export function parseJsonFile(text: string, path: string): Field {
  try {
    return { path, name: "", value: JSON.parse(text) };
  } catch (cause) {
    throw new BadFile(`${path}: it is not JSON`, { cause });
  }
}

/** An object's members, present or not, after it is certain that it has no others. */
export function membersOf<Key extends string>(field: Field, keys: readonly Key[]): (key: Key) => Field {
  const { path, name, value } = field;
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw faultAt(field, "it is not an object");
  const members = new Map<string, unknown>(Object.entries(value));
  const memberOf = (key: string): Field => ({
    path,
    name: name === "" ? key : `${name}.${key}`,
    value: members.get(key),
  });
  const known: readonly string[] = keys;
  for (const key of members.keys()) {
    if (!known.includes(key)) throw faultAt(memberOf(key), "there is no such key");
  }
  return memberOf;
}

/** A list's elements. */
export function listOf(field: Field, countMax: number, countMin = 0): Field[] {
  const { path, name, value } = field;
  if (!Array.isArray(value)) throw faultAt(field, "it is not a list");
  if (value.length < countMin) throw faultAt(field, "it is empty");
  if (value.length > countMax) throw faultAt(field, `it has more than ${countMax} elements`);
  return value.map((item: unknown, index) => ({ path, name: `${name}[${index}]`, value: item }));
}

/** A text that is not empty, and in which `faultOf` finds nothing wrong. */
export function textOf(field: Field, faultOf: (text: string) => string | undefined): string {
  const { value } = field;
  if (typeof value !== "string" || value === "") throw faultAt(field, "it is not a text, or empty");
  const fault = faultOf(value);
  if (fault !== undefined) throw faultAt(field, fault);
  return value;
}

/** A whole number from 0 to `max`. */
export function wholeOf(field: Field, max: number): number {
  const { value } = field;
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > max)
    throw faultAt(field, `it is not a whole number from 0 to ${max}`);
  return value;
}

/** Refuses a list two of whose elements have one value for `key`; `items` are the elements as read, in order. */
export function refuseDuplicates<Key extends string>(
  list: Field,
  key: Key,
  items: readonly Readonly<Record<Key, string>>[],
): void {
  const seen = new Set<string>();
  for (const [index, item] of items.entries()) {
    const value = item[key];
    if (seen.has(value))
      throw faultAt({ ...list, name: `${list.name}[${index}].${key}` }, `${JSON.stringify(value)} stands there twice`);
    seen.add(value);
  }
}

/** What is wrong with a field, to be thrown. */
export function faultAt({ path, name }: Field, sentence: string): BadFile {
  return new BadFile(name === "" ? `${path}: ${sentence}` : `${path}: ${name}: ${sentence}`);
}
