import { type Field, fields } from "./definitions.js";

/** The text of docs/configuration.md. */
export function documentConfiguration(): string {
  const groups = new Map<string, Field[]>();
  for (const field of fields) {
    const group = field.path.slice(0, -1).join(".");
    groups.set(group, [...(groups.get(group) ?? []), field]);
  }
  const sections = [...groups].map(([group, members]) => documentGroup(group, members));
  return `${[introduction, ...sections].join("\n\n")}\n`;
}

const introduction = `<!-- Written by tools/config-docs.ts from src/server/config/definitions.ts; do not edit. -->
# Configuration of \`pawl serve\`

Each setting can be given as a flag, as a variable of the environment, or as a key of a JSON file that \`--config\` (or
\`PAWL_CONFIG\`) names. A flag wins over a variable, a variable over the file, the file over the default. An empty
variable counts as unset. Sizes are bytes, or texts such as \`2MiB\`; durations are milliseconds. The server reads all of
it once, at its start, and refuses what it does not know.

\`\`\`json
{ "port": 7300, "limits": { "maxPayloadBytes": "1MiB" } }
\`\`\``;

function documentGroup(group: string, members: readonly Field[]): string {
  const title = group === "" ? "## Server" : `## Limits\n\nIn the file these are keys of \`${group}\`.`;
  const rows = members.map((field) => {
    const { path, flag, variable, definition } = field;
    const names = `\`${path.join(".")}\`<br>\`${flag}\`<br>\`${variable}\``;
    return `| ${names} | ${showDefault(field)} | ${definition.about} Must be ${definition.rule}. |`;
  });
  return [title, "", "| key, flag, variable | default | |", "|---|---|---|", ...rows].join("\n");
}

/** The default as a person would write it. */
export function showDefault(field: Field): string {
  const { kind, default: value } = field.definition;
  if (value === undefined) return "none";
  if (kind !== "bytes" || typeof value !== "number") return `\`${String(value)}\``;
  const units = ["", "KiB", "MiB", "GiB"];
  let size = value;
  let unit = 0;
  while (size >= 1024 && size % 1024 === 0 && unit < 3) {
    size /= 1024;
    unit += 1;
  }
  return `\`${size}${units[unit]}\``;
}
