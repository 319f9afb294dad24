/** A chosen method: its parameters as far as they differ from the defaults. */
export interface Entry {
  /** Stable while the page lives; two entries of one method have different keys. */
  key: string;
  name: string;
  label?: string;
  timeout?: number;
  values: Record<string, unknown>;
}

/** A method or check as a config has it: its name, or its name with parameters. */
export type Written = string | Record<string, unknown>;

/** The name of a method or check. */
export function named(one: Written): string {
  return typeof one === 'string' ? one : String(one.name);
}

let counter = 0;

/** A fresh entry of a method. */
export function entry(name: string, values: Record<string, unknown> = {}): Entry {
  counter += 1;
  return { key: `${name}-${Date.now().toString(36)}-${counter}`, name, values };
}

/** The entries as a config's `methods`; labels are added where a method stands twice. */
export function written(entries: Entry[]): Written[] {
  const seen = new Map<string, number>();
  return entries.map(({ name, label, timeout, values }) => {
    const times = (seen.get(name) ?? 0) + 1;
    seen.set(name, times);
    const own = label || (times > 1 ? `${name} ${times}` : undefined);
    const fields = {
      ...(own ? { label: own } : {}),
      ...(timeout ? { timeout_s: timeout } : {}),
      ...values,
    };
    return Object.keys(fields).length === 0 ? name : { name, ...fields };
  });
}

/** A config's `methods` as entries. */
export function read(methods: Written[]): Entry[] {
  return methods.map((one) => {
    if (typeof one === 'string') return entry(one);
    const { name, label, timeout_s, ...values } = one;
    return {
      ...entry(String(name), values),
      label: label === undefined ? undefined : String(label),
      timeout: timeout_s === undefined ? undefined : Number(timeout_s),
    };
  });
}

/** A parameter set, or with `undefined` taken back to its default. */
export function withValue(one: Entry, name: string, value: unknown, usual: unknown): Entry {
  const { [name]: _, ...others } = one.values;
  const same = value === undefined || JSON.stringify(value) === JSON.stringify(usual);
  return { ...one, values: same ? others : { ...others, [name]: value } };
}
