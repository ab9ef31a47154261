import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { StoredObject, Version } from '../../s3/storage/model.ts';
import { beginningOf, Packing } from '../../s3/storage/packed.ts';

const text = fc.string({ unit: 'binary' });
const headers = fc.dictionary(text, text, { maxKeys: 3 });

const objects: fc.Arbitrary<StoredObject> = fc.record(
  {
    marker: fc.constant(false),
    versionId: text,
    lastModified: fc.nat(),
    size: fc.nat(),
    etag: text,
    slices: fc.array(fc.record({ blob: text, size: fc.nat() }), { maxLength: 3 }),
    multipart: fc.boolean(),
    headers,
    checksum: fc.record({
      algorithm: fc.constantFrom('CRC32', 'CRC64NVME'),
      type: fc.constantFrom('FULL_OBJECT', 'COMPOSITE'),
      value: text,
    }),
    storageClass: text,
    restoredUntil: fc.nat(),
    uploadId: text,
  },
  {
    requiredKeys: ['marker', 'versionId', 'lastModified', 'size', 'etag', 'slices', 'multipart', 'headers'],
  },
);

const versions: fc.Arbitrary<Version> = fc.oneof(
  objects,
  fc.record({ marker: fc.constant(true), versionId: text, lastModified: fc.nat() }),
);

test('what is packed is unpacked as it was, also by who has read the sets of headers in a journal', () => {
  fc.assert(
    fc.property(fc.array(versions), (all) => {
      const packing = new Packing();
      const packed = all.map((version) => packing.pack(version));
      expect(packed.map((each) => packing.unpack(each.packed))).toEqual(all);
      const reader = new Packing();
      for (const { set } of packed) if (set !== undefined) reader.learn(set);
      expect(packed.map((each) => reader.unpack(each.packed))).toEqual(all);
      expect(reader.sets).toEqual(packing.sets);
    }),
  );
});

test('a packed version begins with its id, and no other’s', () => {
  fc.assert(
    fc.property(versions, text, (version, other) => {
      const { packed } = new Packing().pack(version);
      expect(packed.startsWith(beginningOf(version.versionId))).toBe(true);
      expect(packed.startsWith(beginningOf(other))).toBe(other === version.versionId);
    }),
  );
});

test('objects with headers of their own each do not fill the memory with sets of them', () => {
  const packing = new Packing();
  const of = (n: number): Version => ({
    marker: false,
    versionId: 'v',
    lastModified: 0,
    size: 0,
    etag: '',
    slices: [],
    multipart: false,
    headers: { 'x-amz-meta-n': `${n}` },
  });
  const packed = Array.from({ length: 3000 }, (_, n) => packing.pack(of(n)).packed);
  expect(packing.sets.length).toBe(1000);
  expect(packed.map((each) => packing.unpack(each))).toEqual(Array.from({ length: 3000 }, (_, n) => of(n)));
});
