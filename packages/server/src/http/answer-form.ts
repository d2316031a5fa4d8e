import type { Json } from '@millrace/protocol';
import { MillraceError } from '@millrace/protocol/error';

/** One control of a form for an input. */
export interface Field {
  /** the control's name in the form */
  name: string;
  /** the property that it fills; undefined = it is the value itself */
  property?: string;
  label: string;
  description?: string;
  kind: 'text' | 'lines' | 'number' | 'choice' | 'json';
  /** of a choice; the control sends an item's place */
  choices: Json[];
  required: boolean;
  initial?: Json;
}

type Schema = { [key: string]: Json };

/** texts that may be longer than this, in characters, get a box of several lines */
const LINE = 200;

/**
 * A simple form for a JSON Schema: a control for each top-level property of an object, or one for the whole value.
 * What a control cannot show is edited as JSON. The schema itself is judged when the answer comes.
 */
export function fieldsOf(schema: Json | undefined, fallback: Json | undefined): Field[] {
  const root = asSchema(schema);
  const properties = asSchema(root.properties);
  if (root.type !== 'object' || Object.keys(properties).length === 0) {
    return [field(0, root, { label: textOf(root.title) ?? 'Answer', required: true }, fallback)];
  }
  const required = Array.isArray(root.required) ? root.required : [];
  const values = asSchema(fallback);
  return Object.entries(properties).map(([property, value], index) => {
    const own = asSchema(value);
    const facts = { property, label: textOf(own.title) ?? property, required: required.includes(property) };
    return field(index, own, facts, Object.hasOwn(values, property) ? values[property] : undefined);
  });
}

function field(
  index: number,
  schema: Schema,
  facts: Pick<Field, 'property' | 'label' | 'required'>,
  fallback: Json | undefined,
): Field {
  const initial = fallback ?? schema.default;
  const description = textOf(schema.description);
  const choices = choicesOf(schema);
  return {
    ...{ name: `f${index}`, ...facts, choices, kind: choices.length > 0 ? 'choice' : kindOf(schema) },
    ...(description === undefined ? {} : { description }),
    ...(initial === undefined ? {} : { initial }),
  };
}

function choicesOf({ type, enum: values, const: only }: Schema): Json[] {
  if (Array.isArray(values)) return values;
  if (only !== undefined) return [only];
  return type === 'boolean' ? [true, false] : [];
}

function kindOf({ type, maxLength, minLength }: Schema): Field['kind'] {
  if (type === 'number' || type === 'integer') return 'number';
  if (type !== 'string') return 'json';
  return Number(maxLength ?? 0) > LINE || Number(minLength ?? 0) > LINE ? 'lines' : 'text';
}

/** What the form says, as the value that is answered. Errors: `input_invalid`, naming the control. */
export function readForm(fields: readonly Field[], form: Readonly<Record<string, string>>): Json {
  const [whole] = fields;
  if (fields.length === 1 && whole && whole.property === undefined) return read(whole, form[whole.name] ?? '') ?? null;
  return Object.fromEntries(
    fields.flatMap((one) => {
      const value = read(one, form[one.name] ?? '');
      return value === undefined ? [] : [[one.property as string, value]];
    }),
  );
}

/** undefined = left empty. A required text may be empty; its schema says whether that will do. */
function read({ kind, choices, label, required }: Field, text: string): Json | undefined {
  if (kind === 'text' || kind === 'lines') return text === '' && !required ? undefined : text.replaceAll('\r\n', '\n');
  if (text.trim() === '') return undefined;
  if (kind === 'choice') return choices[Number(text)];
  if (kind === 'number') {
    const value = Number(text);
    if (!Number.isFinite(value)) throw invalid(label, 'is not a number');
    return value;
  }
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw invalid(label, `is not JSON: ${(error as Error).message}`);
  }
}

/** What a control shows before anybody has typed. */
export function textIn({ kind, choices, initial }: Field): string {
  if (initial === undefined) return '';
  if (kind === 'choice') {
    const place = choices.findIndex((choice) => JSON.stringify(choice) === JSON.stringify(initial));
    return place < 0 ? '' : String(place);
  }
  return typeof initial === 'string' && kind !== 'json' ? initial : JSON.stringify(initial, null, 2);
}

function invalid(label: string, what: string): MillraceError {
  return new MillraceError('input_invalid', { detail: `${label} ${what}.` });
}

function asSchema(value: Json | undefined): Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}

function textOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
