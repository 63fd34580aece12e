/** Reads a model's config.json field by field; every error names the field. */

export interface ConfigFields {
  /** A positive integer. Throws when it is missing without a default, or is something else. */
  integer(name: string, otherwise?: number): number;
  number(name: string, otherwise?: number): number;
  /** The value that `choices` gives for the field's string. */
  oneOf<V>(name: string, choices: Readonly<Record<string, V>>, otherwise?: string): V;
  object(name: string): ConfigFields;
}

export function fieldsOf(json: Readonly<Record<string, unknown>>, where: string): ConfigFields {
  const read = (name: string, otherwise: unknown): unknown => {
    const value = json[name] ?? otherwise;
    if (value === undefined) throw new Error(`${where} has no "${name}".`);
    return value;
  };
  const bad = (name: string, value: unknown, want: string) =>
    new Error(`${where}: "${name}" is ${JSON.stringify(value)}; it must be ${want}.`);
  return {
    integer(name, otherwise) {
      const value = read(name, otherwise);
      if (typeof value !== "number" || !Number.isInteger(value) || value < 1) throw bad(name, value, "a positive integer");
      return value;
    },
    number(name, otherwise) {
      const value = read(name, otherwise);
      if (typeof value !== "number" || !Number.isFinite(value)) throw bad(name, value, "a number");
      return value;
    },
    oneOf(name, choices, otherwise) {
      const value = read(name, otherwise);
      if (typeof value !== "string" || !Object.hasOwn(choices, value)) throw bad(name, value, `one of ${Object.keys(choices).join(", ")}`);
      return choices[value] as (typeof choices)[string];
    },
    object(name) {
      const value = read(name, undefined);
      if (typeof value !== "object" || value === null || Array.isArray(value)) throw bad(name, value, "an object");
      return fieldsOf(value as Record<string, unknown>, `${where}, ${name}`);
    },
  };
}
