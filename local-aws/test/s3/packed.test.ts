import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { StoredObject, Version } from '../../s3/storage/model.ts';
import { beginningIn, beginningOf, blobsIn, Packing } from '../../s3/storage/packed.ts';

const text = fc.string({ unit: 'binary' });
/** Of version ids, ETags and blobs. */
const name = fc.stringMatching(/^[A-Za-z0-9._@-]*$/);
const headers = fc.dictionary(text, text, { maxKeys: 3 });

const objects: fc.Arbitrary<StoredObject> = fc.record(
  {
    marker: fc.constant(false),
    versionId: name,
    lastModified: fc.nat(),
    size: fc.nat(),
    etag: name,
    slices: fc.array(fc.record({ blob: name, size: fc.nat() }), { maxLength: 3 }),
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
  fc.record({ marker: fc.constant(true), versionId: name, lastModified: fc.nat() }),
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
    fc.property(versions, name, (version, other) => {
      const { packed } = new Packing().pack(version);
      expect(beginningIn(packed)).toBe(beginningOf(version.versionId));
      expect(packed.startsWith(beginningOf(other))).toBe(other === version.versionId);
    }),
  );
});

test('the blobs of a packed version are those of its slices, without unpacking it', () => {
  fc.assert(
    fc.property(versions, (version) => {
      const { packed } = new Packing().pack(version);
      expect(blobsIn(packed)).toEqual(version.marker ? [] : version.slices.map(({ blob }) => blob));
    }),
  );
});

test('an object as most are takes little more than its ids, its ETag and its checksum', () => {
  const { packed } = new Packing().pack({
    marker: false,
    versionId: '8bueM1ZHElpohHi4WSjMS1BDTHkWuckj',
    lastModified: 1_795_836_563_266,
    size: 79,
    etag: '0ea4b4f5ed0a9453d137d7d179aebf18',
    slices: [{ blob: 'pack-14372c284d1462c13ac1d8b6c378ad63@12345678', size: 79 }],
    multipart: false,
    headers: { 'content-type': 'application/json' },
    checksum: { algorithm: 'CRC32', type: 'FULL_OBJECT', value: 'Ey2afw==' },
    storageClass: undefined,
  });
  expect(packed.length).toBeLessThan(180);
});

test('a version as journals have it that were written in November 2026 is read', () => {
  const packing = new Packing();
  packing.learn({ number: 0, headers: { 'content-type': 'application/json' } });
  const rest = { multipart: false, checksum: { algorithm: 'CRC32', value: 'Ey2afw==', type: 'FULL_OBJECT' } };
  expect(packing.unpack(JSON.stringify(['v', 1, 79, 'e', ['pack-1@0', 79], 0, rest]))).toEqual({
    marker: false,
    versionId: 'v',
    lastModified: 1,
    size: 79,
    etag: 'e',
    slices: [{ blob: 'pack-1@0', size: 79 }],
    headers: { 'content-type': 'application/json' },
    ...rest,
  });
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
