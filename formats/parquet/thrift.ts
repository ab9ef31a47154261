/**
 * A value of Thrift's compact protocol (thrift-compact-protocol.md): its type's code, and how it is written.
 */
export interface ThriftValue {
  readonly code: number;
  write(out: number[]): void;
}

const TRUE = 1;
const FALSE = 2;
const I32 = 5;
const I64 = 6;
const BINARY = 8;
const LIST = 9;
const STRUCT = 12;

/** As a field of a struct: its code is its value. */
export function boolean(value: boolean): ThriftValue {
  return { code: value ? TRUE : FALSE, write: () => {} };
}

/** Not for negative numbers. */
export function i32(value: number): ThriftValue {
  return { code: I32, write: (out) => writeVarint(2 * value, out) };
}

/** Only for safe integers that are not negative. */
export function i64(value: number): ThriftValue {
  return { code: I64, write: (out) => writeVarint(2 * value, out) };
}

export function binary(value: string | Uint8Array): ThriftValue {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return {
    code: BINARY,
    write(out) {
      writeVarint(bytes.length, out);
      for (const byte of bytes) out.push(byte);
    },
  };
}

/** All elements must have the same type. */
export function list(elements: readonly ThriftValue[]): ThriftValue {
  return {
    code: LIST,
    write(out) {
      const code = elements[0]?.code ?? STRUCT;
      if (elements.length < 15) out.push((elements.length << 4) | code);
      else {
        out.push(0xf0 | code);
        writeVarint(elements.length, out);
      }
      for (const element of elements) element.write(out);
    },
  };
}

/** Fields by id; ids must be at most 15 apart. Fields that are `undefined` are left out. */
export function struct(fields: Readonly<Record<number, ThriftValue | undefined>>): ThriftValue {
  return {
    code: STRUCT,
    write(out) {
      let last = 0;
      // A JavaScript object's integer keys come in ascending order.
      for (const [name, field] of Object.entries(fields)) {
        if (field === undefined) continue;
        const id = Number(name);
        out.push(((id - last) << 4) | field.code);
        field.write(out);
        last = id;
      }
      out.push(0);
    },
  };
}

export function bytesOf(value: ThriftValue): Buffer {
  const out: number[] = [];
  value.write(out);
  return Buffer.from(out);
}

/** Seven bits a byte, the lowest first (LEB128). Division, since shifts end at 32 bits. */
export function writeVarint(value: number, out: number[]): void {
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) out.push((rest % 0x80) | 0x80);
  out.push(rest);
}
