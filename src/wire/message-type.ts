// Describes the messages of proto/pkt.proto as tables, which the generated files of gen/messages/ contain and
// message-codec.ts interprets: a message costs a browser its table, and one that nothing imports costs nothing.

/** How values of one scalar type of protobuf are written and read. */
export interface Scalar {
  /** 0 varint, 2 length-delimited, 5 four bytes. */
  readonly wireType: 0 | 2 | 5;
  /** The value of an absent field. */
  readonly zero: bigint | boolean | number | string | Uint8Array;
  /**
   * Appends a value without its tag to the output (message-output.ts).
   * Converts values of neighbouring types, which callers without a compiler pass: a number for an int64, any value for
   * a string.
   * @throws RangeError that names the field, for a number that the type cannot hold
   */
  write(value: unknown, name: string): void;
  /** Reads the value at bytes[at], which ends before `end`; sets `next` like every function of proto-reader.ts. */
  read(bytes: Uint8Array, at: number, end: number): unknown;
}

/**
 * A repeated field is a list, and its numbers are written packed. An optional field has presence: it may be undefined,
 * and its zero value is written. A field with neither label has the zero value when it is absent, and a message is then
 * undefined.
 */
type Label = "repeated" | "optional";

export type Field = readonly [name: string, kind: Scalar | MessageType<unknown>, label?: Label];

declare const shape: unique symbol;

/**
 * The fields of a message, each at the place of its number less one: the order of encoding. A number without a field is
 * undefined.
 */
export interface MessageType<Message> extends ReadonlyArray<Field | undefined> {
  /** For the compiler only. */
  readonly [shape]?: Message;
}

/** A message without fields. */
export const emptyMessage: MessageType<unknown> = [];

/** A value of an enum that the schema does not define: newer peers may send some. */
export type UnknownEnum = number & { __unknown_enum: true };

/** What a message is encoded from: absent fields have their zero values. */
export type MessageInit<Message> = { readonly [Name in keyof Message]?: ValueInit<Message[Name]> | undefined };

type ValueInit<Value> = unknown extends Value
  ? Value
  : Value extends bigint | boolean | number | string | Uint8Array
    ? Value
    : Value extends readonly (infer Item)[]
      ? readonly ValueInit<Item>[]
      : MessageInit<Value>;
