import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  type FieldOptions,
  FieldOptions_JSType,
  type FileDescriptorProto,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";

/** Renders the options that a file defines itself, which a descriptor holds only as unknown fields. */
export type CustomOptionPrinter = (options: FieldOptions) => string[];

/**
 * Prints a proto2 descriptor back as source, for packages that ship a schema only in its compiled form. It knows what such a file uses
 * and throws at anything else, so that nothing is lost in silence.
 */
export function printProto(file: FileDescriptorProto, customOptions: CustomOptionPrinter): string {
  if (file.syntax !== "" && file.syntax !== "proto2") throw new Error(`cannot print ${file.syntax}`);
  if (file.service.length > 0) throw new Error("cannot print services");
  const context: Context = { scope: `.${file.package}.`, customOptions };
  return [
    `syntax = "proto2";`,
    `package ${file.package};`,
    file.dependency.map((path) => `import ${quote(path)};`).join("\n"),
    printFileOptions(file),
    ...printExtensions(file.extension, context),
    ...file.enumType.map((type) => printEnum(type)),
    ...file.messageType.map((type) => printMessage(type, context)),
  ]
    .join("\n\n")
    .concat("\n");
}

/** Quotes text for proto source. JSON's escapes are a subset of those of proto strings. */
export function quote(text: string): string {
  return JSON.stringify(text);
}

interface Context {
  readonly scope: string;
  readonly customOptions: CustomOptionPrinter;
}

function printFileOptions(file: FileDescriptorProto): string {
  const options = file.options;
  if (options === undefined) return "";
  return [
    `option go_package = ${quote(options.goPackage)};`,
    `option java_multiple_files = ${options.javaMultipleFiles};`,
    `option java_outer_classname = ${quote(options.javaOuterClassname)};`,
    `option java_package = ${quote(options.javaPackage)};`,
  ].join("\n");
}

function printExtensions(extensions: readonly FieldDescriptorProto[], context: Context): string[] {
  return extensions.map(
    (extension) =>
      `extend ${shorten(extension.extendee, context)} {\n${indent(printField(extension, context, false))}\n}`,
  );
}

function printMessage(message: DescriptorProto, context: Context): string {
  if (message.options !== undefined) throw new Error(`cannot print options of message ${message.name}`);
  const lines = [
    ...message.nestedType.map((type) => printMessage(type, context)),
    ...message.enumType.map((type) => printEnum(type)),
    ...printReserved(message),
    ...printFields(message, context),
    ...message.extensionRange.map(({ start, end }) => `extensions ${printRange(start, end - 1)};`),
    ...printExtensions(message.extension, context),
  ];
  return `message ${message.name} {\n${indent(lines.join("\n"))}\n}`;
}

function printReserved(message: DescriptorProto): string[] {
  const ranges = message.reservedRange.map(({ start, end }) => printRange(start, end - 1));
  const names = message.reservedName.map(quote);
  return [ranges, names].filter((list) => list.length > 0).map((list) => `reserved ${list.join(", ")};`);
}

function printRange(first: number, last: number): string {
  if (first === last) return `${first}`;
  return last === MAX_FIELD_NUMBER ? `${first} to max` : `${first} to ${last}`;
}

const MAX_FIELD_NUMBER = 536870911;

/** Fields keep their order; a oneof is opened at its first field, and its fields are neighbours in any source that was compiled. */
function printFields(message: DescriptorProto, context: Context): string[] {
  const lines: string[] = [];
  const printedOneofs = new Set<number>();
  for (const field of message.field) {
    if (!isOneofMember(field)) {
      lines.push(printField(field, context, false));
      continue;
    }
    if (printedOneofs.has(field.oneofIndex)) continue;
    printedOneofs.add(field.oneofIndex);
    const members = message.field.filter(
      (other) => isOneofMember(other) && other.oneofIndex === field.oneofIndex,
    );
    const body = members.map((member) => printField(member, context, true)).join("\n");
    lines.push(`oneof ${message.oneofDecl[field.oneofIndex]?.name ?? ""} {\n${indent(body)}\n}`);
  }
  return lines;
}

function isOneofMember(field: FieldDescriptorProto): boolean {
  return Object.hasOwn(field, "oneofIndex");
}

function printField(field: FieldDescriptorProto, context: Context, inOneof: boolean): string {
  const label = inOneof ? "" : `${labels[field.label]} `;
  const type = field.typeName === "" ? scalarName(field.type) : shorten(field.typeName, context);
  return `${label}${type} ${field.name} = ${field.number}${printFieldOptions(field, context)};`;
}

const labels: Record<Label, string> = {
  [Label.OPTIONAL]: "optional",
  [Label.REQUIRED]: "required",
  [Label.REPEATED]: "repeated",
};

function scalarName(type: Type): string {
  const name = Type[type];
  if (name === undefined || type === Type.GROUP) throw new Error(`cannot print field type ${type}`);
  return name.toLowerCase();
}

function printFieldOptions(field: FieldDescriptorProto, context: Context): string {
  const options = field.options;
  if (Object.hasOwn(field, "defaultValue")) throw new Error(`cannot print the default of ${field.name}`);
  if (options === undefined) return "";
  const parts: string[] = [];
  if (Object.hasOwn(options, "packed")) parts.push(`packed = ${options.packed}`);
  if (Object.hasOwn(options, "deprecated")) parts.push(`deprecated = ${options.deprecated}`);
  if (options.jstype !== FieldOptions_JSType.JS_NORMAL)
    throw new Error(`cannot print jstype of ${field.name}`);
  parts.push(...context.customOptions(options));
  return parts.length === 0 ? "" : ` [${parts.join(", ")}]`;
}

function printEnum(type: EnumDescriptorProto): string {
  if (type.options !== undefined) throw new Error(`cannot print options of enum ${type.name}`);
  const ranges = type.reservedRange.map(({ start, end }) => printRange(start, end));
  const names = type.reservedName.map(quote);
  const reserved = [ranges, names]
    .filter((list) => list.length > 0)
    .map((list) => `reserved ${list.join(", ")};`);
  const values = type.value.map((value) => `${value.name} = ${value.number};`);
  return `enum ${type.name} {\n${indent([...reserved, ...values].join("\n"))}\n}`;
}

function shorten(typeName: string, context: Context): string {
  return typeName.startsWith(context.scope) ? typeName.slice(context.scope.length) : typeName.slice(1);
}

function indent(text: string): string {
  return text.replaceAll(/^(?=.)/gm, "  ");
}
