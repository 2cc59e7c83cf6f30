// The descriptor of proto/pkt.proto for @bufbuild/protobuf, whose messages are read when they are first used. The
// package's own fileDesc() reads all of them when the program starts, after building those of descriptor.proto: 23 ms
// of processor time and 9 MB of memory before the first packet. A program uses few of these messages, and reading one
// takes some ten microseconds.
//
// Knows what pkt.proto uses of proto3: messages and enums on the top level, without oneofs, maps, groups, options, and
// enums with prefixed values. Of `proto`, a descriptor has what the package reads. A test compares all of it with the
// package's own.

import type { DescEnumValue, DescField, DescFile } from "@bufbuild/protobuf";
import { assert } from "../base/assert.ts";
import { decodeMessage } from "./message-codec.ts";
import type { Field, MessageType } from "./message-type.ts";
import { bool, bytes, int32, string } from "./scalars.ts";

/** google/protobuf/descriptor.proto, as far as it is needed. */
interface FileProto {
  name: string;
  package: string;
  messageType: Uint8Array[];
  enumType: Uint8Array[];
}
interface NamedProto {
  name: string;
}
interface MessageProto extends NamedProto {
  field: FieldProto[];
}
interface FieldProto extends NamedProto {
  number: number;
  label: number;
  type: number;
  typeName: string;
  jsonName?: string;
  proto3Optional: boolean;
}
interface EnumProto extends NamedProto {
  value: EnumValueProto[];
}
interface EnumValueProto extends NamedProto {
  number: number;
}

const namedProto: MessageType<NamedProto> = [["name", string]];
const fieldProto: MessageType<FieldProto> = Object.assign(Array<Field | undefined>(17).fill(undefined), {
  0: ["name", string],
  2: ["number", int32],
  3: ["label", int32],
  4: ["type", int32],
  5: ["typeName", string],
  9: ["jsonName", string, "optional"],
  16: ["proto3Optional", bool],
} satisfies Record<number, Field>);
const messageProto: MessageType<MessageProto> = [
  ["name", string],
  ["field", fieldProto, "repeated"],
];
const enumValueProto: MessageType<EnumValueProto> = [
  ["name", string],
  ["number", int32],
];
const enumProto: MessageType<EnumProto> = [
  ["name", string],
  ["value", enumValueProto, "repeated"],
];
const fileProto: MessageType<FileProto> = [
  ["name", string],
  ["package", string],
  undefined,
  ["messageType", bytes, "repeated"],
  ["enumType", bytes, "repeated"],
];

/** Values of descriptor.proto: Edition, FieldDescriptorProto.Label and .Type, FeatureSet.FieldPresence. */
const editionProto3 = 999;
const labelRepeated = 3;
const types = { string: 9, message: 11, bytes: 12 } as const;
const presences = { explicit: 1, implicit: 2 } as const;

/** Reads the descriptor of a file, in base64, as the generated code has it. */
export function fileDesc(base64: string): DescFile {
  const file: unknown = new LazyFile(decoded(fileProto, Buffer.from(base64, "base64")));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the test compares it with the package's own
  return file as DescFile;
}

/** A DescFile. */
class LazyFile {
  readonly kind = "file";
  readonly proto: Pick<FileProto, "name" | "package">;
  readonly name: string;
  readonly edition = editionProto3;
  readonly dependencies = [];
  readonly extensions = [];
  readonly services = [];
  readonly deprecated = false;
  readonly enums: readonly LazyEnum[];
  readonly messages: readonly LazyMessage[];
  private readonly byName: ReadonlyMap<string, LazyMessage | LazyEnum>;

  constructor({ name, package: scope, messageType, enumType }: FileProto) {
    this.proto = { name, package: scope };
    this.name = name.replace(/\.proto$/, "");
    this.enums = enumType.map((content) => new LazyEnum(this, content));
    this.messages = messageType.map((content) => new LazyMessage(this, content));
    this.byName = new Map([...this.enums, ...this.messages].map((type) => [`.${type.typeName}`, type]));
  }

  /** Returns the type of a field; undefined if that is a scalar, whose name is empty. */
  typeOf(typeName: string): LazyMessage | LazyEnum | undefined {
    const type = this.byName.get(typeName);
    assert((typeName === "") === (type === undefined), "a field has a type of the same file, or a scalar");
    return type;
  }

  toString(): string {
    return `file ${this.proto.name}`;
  }
}

/** What DescMessage and DescEnum share. */
class LazyType {
  readonly proto: NamedProto;
  readonly name: string;
  readonly typeName: string;
  readonly file: LazyFile;
  readonly parent = undefined;
  readonly deprecated = false;
  protected readonly content: Uint8Array;

  constructor(file: LazyFile, content: Uint8Array) {
    this.proto = decoded(namedProto, content);
    this.name = this.proto.name;
    this.typeName = `${file.proto.package}.${this.name}`;
    this.file = file;
    this.content = content;
  }
}

/** A DescMessage. */
class LazyMessage extends LazyType {
  readonly kind = "message";
  readonly nestedEnums = [];
  readonly nestedMessages = [];
  readonly nestedExtensions = [];
  readonly oneofs = [];
  private read:
    | { readonly all: readonly DescField[]; readonly byName: Readonly<Record<string, DescField>> }
    | undefined;

  get fields(): readonly DescField[] {
    return this.reading().all;
  }

  get members(): readonly DescField[] {
    return this.reading().all;
  }

  get field(): Readonly<Record<string, DescField>> {
    return this.reading().byName;
  }

  override toString(): string {
    return `message ${this.typeName}`;
  }

  private reading(): NonNullable<LazyMessage["read"]> {
    if (this.read === undefined) {
      const all = decoded(messageProto, this.content).field.map((proto) => this.describe(proto));
      this.read = { all, byName: Object.fromEntries(all.map((field) => [field.localName, field])) };
    }
    return this.read;
  }

  private describe(proto: FieldProto): DescField {
    const { name, number, type } = proto;
    const camelCased = name.replace(/_+([^_]?)/g, (_, letter: string) => letter.toUpperCase());
    const isRepeated = proto.label === labelRepeated;
    const isMessage = type === types.message;
    const named = this.file.typeOf(proto.typeName);
    const kind = named?.kind ?? "scalar";
    const isExplicit = !isRepeated && (proto.proto3Optional || isMessage);
    const field: unknown = {
      kind: "field",
      proto: { name },
      deprecated: false,
      name,
      number,
      fieldKind: isRepeated ? "list" : kind,
      listKind: isRepeated ? kind : undefined,
      mapKind: undefined,
      mapKey: undefined,
      scalar: named === undefined ? type : undefined,
      message: isMessage ? named : undefined,
      enum: isMessage ? undefined : named,
      presence: isExplicit ? presences.explicit : presences.implicit,
      utf8Validation: true,
      delimitedEncoding: isMessage ? false : undefined,
      packed: isRepeated ? !isMessage && type !== types.string && type !== types.bytes : undefined,
      longAsString: false,
      getDefaultValue: isRepeated ? undefined : () => undefined,
      parent: this,
      oneof: undefined,
      localName: camelCased,
      jsonName: proto.jsonName ?? camelCased,
      toString: () => `field ${this.typeName}.${name}`,
    };
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the test compares it with the package's own
    return field as DescField;
  }
}

/** A DescEnum. */
class LazyEnum extends LazyType {
  readonly kind = "enum";
  readonly open = true;
  readonly sharedPrefix = undefined;
  private read:
    | { readonly all: readonly DescEnumValue[]; readonly byNumber: Readonly<Record<number, DescEnumValue>> }
    | undefined;

  get values(): readonly DescEnumValue[] {
    return this.reading().all;
  }

  get value(): Readonly<Record<number, DescEnumValue>> {
    return this.reading().byNumber;
  }

  override toString(): string {
    return `enum ${this.typeName}`;
  }

  private reading(): NonNullable<LazyEnum["read"]> {
    if (this.read === undefined) {
      const all = decoded(enumProto, this.content).value.map((proto) => this.describe(proto));
      this.read = { all, byNumber: Object.fromEntries(all.map((value) => [value.number, value])) };
    }
    return this.read;
  }

  private describe({ name, number }: EnumValueProto): DescEnumValue {
    const value: unknown = {
      kind: "enum_value",
      proto: { name, number },
      deprecated: false,
      parent: this,
      name,
      localName: name,
      jsonName: name,
      number,
      toString: () => `enum value ${this.typeName}.${name}`,
    };
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the test compares it with the package's own
    return value as DescEnumValue;
  }
}

function decoded<Message>(type: MessageType<Message>, content: Uint8Array): Message {
  const message = decodeMessage(type, content);
  assert(message !== undefined, "the generated code has valid descriptors");
  return message;
}
