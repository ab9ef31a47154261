import { isUtf8 } from 'node:buffer';
import { base64Of } from '../../../base64.ts';
import { fault, shown, twice } from '../as-json/fault.ts';
import { RAW, type RowText } from '../as-json/row-text.ts';
import {
  bigEndian,
  dayText,
  decimalWriter,
  doubleText,
  instantText,
  timeText,
  type Unit,
  uuidText,
} from '../as-json/value-texts.ts';
import type { ByteReader } from './byte-reader.ts';

/**
 * Reads a value and writes it as text of JSON.
 *
 * @param row counts what is written of the record, and gets the texts that are not UTF-8 @param depth of the
 * value: a type may be within itself
 */
export type Write = (from: ByteReader, row: RowText, depth: number) => string;

/** Deeper values are refused, before they could fill the stack. */
const MAX_DEPTH = 64;
const UUID_BYTES = 16;

const deep = (what: string) => fault('unknown_format', `The ${what} of the Avro file are nested too deeply.`);
const invalid = (why: string) =>
  fault('unknown_format', `The schema of the Avro file is no Avro schema: ${why}.`);

/** How the values of a schema are written. @throws {PermanentError} if it can't be read */
export function writerOf(schema: unknown): Write {
  return new Schema().writerOf(schema, '', 1);
}

type Attributes = Readonly<Record<string, unknown>>;

/** A schema, with the named types that it has defined so far (Avro 1.12's specification, "Names"). */
class Schema {
  readonly #named = new Map<string, Write>();

  writerOf(schema: unknown, namespace: string, depth: number): Write {
    if (depth > MAX_DEPTH) throw deep('types');
    if (typeof schema === 'string') return this.#ofName(schema, { type: schema }, namespace);
    if (Array.isArray(schema)) return this.#union(schema, namespace, depth);
    if (typeof schema !== 'object' || schema === null) throw invalid(`${shown(String(schema))} is no type`);
    const of = schema as Attributes;
    switch (of['type']) {
      case 'record':
      case 'error':
        return this.#record(of, namespace, depth);
      case 'array':
        return listOf(this.writerOf(of['items'], namespace, depth + 1));
      case 'map':
        return mapOf(this.writerOf(of['values'], namespace, depth + 1));
      case 'enum':
        return this.#defined(of, namespace, enumOf(namesIn(of['symbols'])));
      case 'fixed':
        return this.#defined(of, namespace, fixedOf(of));
    }
    return typeof of['type'] === 'string'
      ? this.#ofName(of['type'], of, namespace)
      : this.writerOf(of['type'], namespace, depth + 1);
  }

  #ofName(name: string, attributes: Attributes, namespace: string): Write {
    const leaf = leafOf(name, attributes);
    if (leaf !== undefined) return counted(leaf);
    const found = this.#named.get(`${namespace}.${name}`) ?? this.#named.get(name);
    if (found === undefined) throw invalid(`there is no type ${shown(name)}`);
    return found;
  }

  #union(branches: readonly unknown[], namespace: string, depth: number): Write {
    const writers = branches.map((each) => this.writerOf(each, namespace, depth + 1));
    return (from, row, of) => {
      const index = from.int();
      const write = writers[index];
      if (write === undefined) throw new Error(`a union has no branch ${index}`);
      return write(from, row, of);
    };
  }

  #record(of: Attributes, namespace: string, depth: number): Write {
    const fields: { readonly start: string; readonly write: Write }[] = [];
    // Defined before its fields are, since these may use it.
    const write: Write = (from, row, at) => {
      if (at > MAX_DEPTH) throw deep('records');
      let text = row.count('{');
      for (const field of fields) text += row.count(field.start) + field.write(from, row, at + 1);
      return `${text}}`;
    };
    this.#defined(of, namespace, write);
    const declared = of['fields'];
    if (!Array.isArray(declared)) throw invalid('a record has no fields');
    const names = namesIn(declared.map((field: Attributes | null) => field?.['name']));
    const double = twice(names);
    if (double !== undefined)
      throw fault('unknown_format', `A record of the Avro file has two fields ${shown(double)}.`);
    const within = nameOf(of, namespace).namespace;
    for (const [i, { type }] of (declared as { type: unknown }[]).entries())
      fields.push({
        start: `${i === 0 ? '' : ','}${JSON.stringify(names[i])}:`,
        write: this.writerOf(type, within, depth + 1),
      });
    return write;
  }

  #defined(of: Attributes, namespace: string, write: Write): Write {
    this.#named.set(nameOf(of, namespace).full, write);
    return write;
  }
}

function nameOf(of: Attributes, around: string): { readonly full: string; readonly namespace: string } {
  const { name, namespace: own = around } = of;
  if (typeof name !== 'string' || typeof own !== 'string') throw invalid('a type has no name');
  const point = name.lastIndexOf('.');
  if (point >= 0) return { full: name, namespace: name.slice(0, point) };
  return { full: own === '' ? name : `${own}.${name}`, namespace: own };
}

function namesIn(names: unknown): string[] {
  if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return names;
  throw invalid('a name is missing');
}

const counted =
  (leaf: (from: ByteReader, row: RowText) => string): Write =>
  (from, row) =>
    row.count(leaf(from, row));

/** Text, or the bytes of what is not UTF-8. */
function textIn(bytes: Buffer, row: RowText): string {
  if (isUtf8(bytes)) return JSON.stringify(bytes.toString('utf8'));
  row.raw.push(row.count(bytes));
  return `"${RAW}"`;
}

/** @throws {PermanentError} of a decimal without a scale that can be */
function leafOf(name: string, of: Attributes): ((from: ByteReader, row: RowText) => string) | undefined {
  const { logicalType: logical, scale = 0 } = of;
  switch (name) {
    case 'null':
      return () => 'null';
    case 'boolean':
      return (from) => String(from.byte() !== 0);
    case 'int':
    case 'long':
      return wholeOf(logical);
    case 'float':
      return (from) => doubleText(from.raw(4).readFloatLE());
    case 'double':
      return (from) => doubleText(from.raw(8).readDoubleLE());
    case 'bytes':
      return bytesOf((from) => from.bytes(), logical, scale);
    case 'string':
      return (from, row) => textIn(from.bytes(), row);
    default:
      return undefined;
  }
}

const timeUnits: Readonly<Record<string, Unit>> = {
  'time-millis': 'MILLIS',
  'time-micros': 'MICROS',
};
const instantUnits: Readonly<Record<string, Unit>> = {
  'timestamp-millis': 'MILLIS',
  'timestamp-micros': 'MICROS',
  'timestamp-nanos': 'NANOS',
};

function wholeOf(logical: unknown): (from: ByteReader) => string {
  const of = String(logical);
  if (of === 'date') return (from) => `"${dayText(BigInt(from.long()))}"`;
  const time = timeUnits[of];
  if (time !== undefined) return (from) => `"${timeText(BigInt(from.long()), time)}"`;
  const instant = instantUnits[of.replace(/^local-/, '')];
  if (instant === undefined) return (from) => String(from.long());
  return (from) => instantText(BigInt(from.long()), instant, !of.startsWith('local-'));
}

function bytesOf(
  read: (from: ByteReader) => Buffer,
  logical: unknown,
  scale: unknown,
): (from: ByteReader) => string {
  if (logical !== 'decimal') return (from) => `"${base64Of(read(from))}"`;
  const write = decimalWriter(Number(scale));
  return (from) => write(bigEndian(read(from)));
}

function fixedOf({ size, logicalType: logical, scale = 0 }: Attributes): Write {
  if (!Number.isSafeInteger(size) || Number(size) < 0) throw invalid('a fixed type has no size');
  const read = (from: ByteReader) => from.raw(Number(size));
  return counted(
    logical === 'uuid' && size === UUID_BYTES
      ? (from) => `"${uuidText(read(from))}"`
      : bytesOf(read, logical, scale),
  );
}

function enumOf(symbols: readonly string[]): Write {
  const texts = symbols.map((symbol) => JSON.stringify(symbol));
  return counted((from) => {
    const text = texts[from.int()];
    if (text === undefined) throw new Error('an enum has no such symbol');
    return text;
  });
}

function listOf(write: Write): Write {
  return (from, row, depth) => `[${itemsOf(from, row, () => write(from, row, depth + 1))}]`;
}

function mapOf(write: Write): Write {
  return (from, row, depth) =>
    `{${itemsOf(from, row, () => `${row.count(textIn(from.bytes(), row))}:${write(from, row, depth + 1)}`)}}`;
}

/**
 * Items come in blocks; a negative count is followed by the size of the block in bytes. Zero ends them. An
 * item may have no bytes, so that the text alone bounds how many there are.
 */
function itemsOf(from: ByteReader, row: RowText, item: () => string): string {
  let text = '';
  for (let count = from.int(); count !== 0; count = from.int()) {
    if (count < 0) from.int();
    for (let left = Math.abs(count); left > 0; left -= 1)
      text += (text === '' ? '' : row.count(',')) + item();
  }
  return text;
}
