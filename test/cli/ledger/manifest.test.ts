import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { manifestKeys, uploadManifest } from '../../../cli/ledger/manifest.ts';
import type { Target } from '../../../cli/target/target.ts';
import { type S3Server, startS3Server } from '../../../local-aws/test/s3/s3-server.ts';

let server: S3Server;
let target: Target;
let directory: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-manifest-'));
  server = await startS3Server();
  target = {
    s3: server.client,
    outputs: { buckets: { raw: 'plain', failed: 'versioned' } },
  } as unknown as Target;
});
afterAll(async () => {
  await server.close();
  rmSync(directory, { recursive: true, force: true });
});

function file(name: string, content: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}
const keys = (source: string) => Array.fromAsync(manifestKeys(target, source));

/** As S3 Inventory encodes a key. */
const encoded = (key: string) => encodeURIComponent(key).replaceAll('%20', '+').replaceAll('%2F', '/');

describe('a manifest', () => {
  const wild = ['recipes/a b+c.json', 'recipes/食譜,"x".json', 'recipes/100%25.json'];

  test('a manifest lists one key per line', async () => {
    expect(await keys(file('keys.txt', 'recipes/a\r\nrecipes/b c\n\nrecipes/d'))).toEqual([
      'recipes/a',
      'recipes/b c',
      'recipes/d',
    ]);
  });

  test('a manifest may list objects as s3://, only of the raw bucket, and begin with a byte order mark', async () => {
    expect(await keys(file('bom.txt', '\uFEFFrecipes/a\ns3://plain/recipes/b'))).toEqual([
      'recipes/a',
      'recipes/b',
    ]);
    await expect(keys(file('other.txt', 's3://other/recipes/a'))).rejects.toThrow(
      'lists "s3://other/recipes/a", but objects are only read from s3://plain.',
    );
    await expect(keys(file('data.ndjson', `recipes/a\n${'x'.repeat(1_025)}`))).rejects.toThrow(
      'entry 2 is longer than an S3 key may be',
    );
  });

  test('a manifest may be a JSON array of keys, or of objects with keys', async () => {
    expect(await keys(file('keys.json', JSON.stringify(wild)))).toEqual(wild);
    expect(
      await keys(file('objects.json', JSON.stringify(wild.map((key) => ({ key, versionId: 'v' }))))),
    ).toEqual(wild);
  });

  test('a manifest may be CSV as S3 Inventory writes it, with any keys', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ minLength: 1, unit: 'grapheme' }), { minLength: 1 }),
        async (all) => {
          const lines = all.map((key) => `"plain","${encoded(key)}","v","true"\n`);
          expect(await keys(file('inventory.csv', lines.join('')))).toEqual(all);
        },
      ),
      { numRuns: 50 },
    );
    expect(await keys(file('inventory.csv.gz', gzipSync(`plain,${encoded(wild[1] ?? '')}\n`)))).toEqual([
      wild[1],
    ]);
  });

  test('a manifest may be an inventory in S3', async () => {
    const put = (Key: string, Body: string | Uint8Array) =>
      server.client.send(new PutObjectCommand({ Bucket: 'silent', Key, Body }));
    await put('inventory/1.csv.gz', gzipSync(`"plain","${encoded('recipes/a b')}"\n`));
    await put('inventory/2.csv.gz', gzipSync('"plain","recipes/c"\n'));
    const files = [{ key: 'inventory/1.csv.gz' }, { key: 'inventory/2.csv.gz' }];
    const manifest = { destinationBucket: 'arn:aws:s3:::silent', fileFormat: 'CSV', files };
    await put('inventory/manifest.json', JSON.stringify(manifest));
    expect(await keys('s3://silent/inventory/manifest.json')).toEqual(['recipes/a b', 'recipes/c']);
  });

  test.each([
    ['none.txt', undefined, /There is no file/],
    [
      'other.csv',
      'elsewhere,recipes/a\n',
      /other\.csv:1 names the bucket "elsewhere", but objects are only read from plain/,
    ],
    ['short.csv', 'plain\n', /short\.csv:1 has no bucket and key/],
    ['broken.json', '[', /can't be read as JSON/],
    ['strange.json', '{"a":1}', /neither a list of keys nor/],
    ['orc.json', '{"destinationBucket":"b","fileFormat":"ORC","files":[]}', /inventory in ORC/],
  ])('the manifest %s is refused with its name and line', async (name, content, message) => {
    const path = content === undefined ? join(directory, name) : file(name, content);
    await expect(keys(path)).rejects.toThrow(message);
  });

  test('a manifest is uploaded in the format that the state machine reads', async () => {
    expect(await uploadManifest(target, file('keys.json', JSON.stringify(wild)), 'm.json')).toBe(3);
    const { Body } = await server.client.send(new GetObjectCommand({ Bucket: 'versioned', Key: 'm.json' }));
    expect(JSON.parse((await Body?.transformToString()) ?? '')).toEqual(wild.map((Key) => ({ Key })));
    await expect(uploadManifest(target, file('empty.txt', '\n'), 'e.json')).rejects.toThrow(/lists no keys/);
    await expect(uploadManifest(target, join(directory, 'none.txt'), 'n.json')).rejects.toThrow(/no file/);
  });
});
