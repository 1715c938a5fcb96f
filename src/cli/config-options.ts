import { Option } from "@commander-js/extra-typings";
import { fields } from "../server/config/definitions.js";
import { showDefault } from "../server/config/document.js";

/** The options that the table of settings stands for. Their values are read and refused with the configuration, not here. */
export function configOptions(names?: readonly string[]): Option[] {
  const chosen = fields.filter((field) => names === undefined || names.includes(field.path.at(-1) ?? ""));
  const file = new Option("--config <file>", "A JSON file with settings. (variable: PAWL_CONFIG)");
  const options = chosen.map((field) => {
    const { kind, placeholder, about } = field.definition;
    const value = kind === "switch" ? "" : ` <${placeholder}>`;
    return new Option(
      `${field.flag}${value}`,
      `${about} (default: ${showDefault(field).replaceAll("`", "")}, variable: ${field.variable})`,
    );
  });
  return [file, ...options];
}

/** What was given, by flag. */
export function givenFlags(options: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const entries = fields.map((field) => [field.flag, options[field.path.at(-1) ?? ""]]);
  return Object.fromEntries(entries);
}
