import { crc32, deflateRawSync } from 'node:zlib';

interface Options {
  readonly method?: number;
  readonly flags?: number;
  /** Whether sizes and checksum come after the content, and in how many bits. */
  readonly descriptor?: 'narrow' | 'wide' | 'unsigned';
  readonly crc?: number;
  readonly hidden?: boolean;
}

export type Given = readonly [name: string, content: string | Buffer, options?: Options];

/** An archive after the format's description, as several programs write it. */
export function zipOf(...files: readonly Given[]): Buffer {
  const bodies: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const [name, text, { method = 8, flags = 0, descriptor, crc, hidden = false } = {}] of files) {
    const content = Buffer.from(text);
    const packed = method === 8 ? deflateRawSync(content) : content;
    const sum = crc ?? crc32(content);
    const facts = Buffer.alloc(14);
    facts.writeUInt16LE(flags | (descriptor ? 8 : 0), 0);
    facts.writeUInt16LE(method, 2);
    const sums = Buffer.alloc(12);
    sums.writeUInt32LE(sum, 0);
    sums.writeUInt32LE(packed.length, 4);
    sums.writeUInt32LE(content.length, 8);
    const names = Buffer.alloc(4);
    names.writeUInt16LE(Buffer.byteLength(name), 0);
    const none = Buffer.alloc(12);
    const head = facts.subarray(0, 8);
    const local = [
      Buffer.from('PK\x03\x04\x14\0', 'latin1'),
      head,
      descriptor ? none : sums,
      names,
      Buffer.from(name),
      packed,
    ];
    if (descriptor !== undefined) {
      const wide = Buffer.alloc(20);
      wide.writeUInt32LE(sum, 0);
      wide.writeBigUInt64LE(BigInt(packed.length), 4);
      wide.writeBigUInt64LE(BigInt(content.length), 12);
      if (descriptor !== 'unsigned') local.push(Buffer.from('PK\x07\x08', 'latin1'));
      local.push(descriptor === 'wide' ? wide : sums);
    }
    const place = Buffer.alloc(14);
    place.writeUInt32LE(at, 10);
    const body = Buffer.concat(local);
    if (!hidden)
      directory.push(
        Buffer.concat([
          Buffer.from('PK\x01\x02\x14\0\x14\0', 'latin1'),
          head,
          sums,
          names,
          place,
          Buffer.from(name),
        ]),
      );
    bodies.push(body);
    at += body.length;
  }
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(directory.length, 8);
  end.writeUInt16LE(directory.length, 10);
  end.writeUInt32LE(Buffer.concat(directory).length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...bodies, ...directory, end]);
}
