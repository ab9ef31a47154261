import { ListObjectVersionsCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type S3Server, startS3Server } from '../../local-aws/test/s3/s3-server.ts';
import { ObjectNotFound, type ObjectStore, s3ObjectStore } from '../../store/object-store.ts';

const bucket = 'versioned';
/** What a key can be and a URL would misread. */
const key = 'a b/+%25/é 👩‍🍳/?versionId=x&#.json';

let server: S3Server;
let store: ObjectStore;

beforeAll(async () => {
  server = await startS3Server();
  store = s3ObjectStore(server.client);
});

afterAll(() => server.close());

async function put(body: string): Promise<string> {
  const { VersionId = '' } = await server.client.send(
    new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }),
  );
  return VersionId;
}

async function textOf(...of: Parameters<ObjectStore['read']>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of await store.read(...of)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

describe('the object store', () => {
  it('reads, describes and copies exactly the requested version, under any key', async () => {
    const versionId = await put('old');
    await put('newer');
    expect(await textOf({ bucket, key, versionId })).toBe('old');
    expect(await store.describe({ bucket, key, versionId })).toMatchObject({ bytes: 3 });
    await store.copy({ bucket, key, versionId }, { bucket, key: 'copy' });
    const { Versions = [] } = await server.client.send(
      new ListObjectVersionsCommand({ Bucket: bucket, Prefix: 'copy' }),
    );
    expect(await textOf({ bucket, key: 'copy', versionId: Versions[0]?.VersionId ?? '' })).toBe('old');
  });

  it('reads a range, or the end, and nothing where there are no bytes', async () => {
    const address = { bucket, key, versionId: await put('0123456789') };
    expect(await textOf(address, { start: 2, end: 5 })).toBe('234');
    expect(await textOf(address, { start: 8, end: 100 })).toBe('89');
    expect(await textOf(address, { last: 3 })).toBe('789');
    expect(await textOf(address, { last: 100 })).toBe('0123456789');
    expect(await textOf(address, { start: 10, end: 12 })).toBe('');
    expect(await textOf({ bucket, key, versionId: await put('') }, { last: 3 })).toBe('');
  });

  it('tells whether what it does not find was deleted', async () => {
    const look = async (key: string) => {
      let wasDeleted = false;
      const found = await store.find(bucket, key, () => {
        wasDeleted = true;
      });
      return [found?.text, wasDeleted];
    };
    expect(await look('deleted')).toEqual([undefined, false]);
    await store.write({ bucket, key: 'deleted', body: 'text', contentType: 'text/plain' });
    expect(await look('deleted')).toEqual(['text', false]);
    await store.remove(bucket, ['deleted']);
    expect(await look('deleted')).toEqual([undefined, true]);
  });

  it('creates an object only once, and tells each writer whether it was first', async () => {
    const object = { bucket, key: 'once', contentType: 'text/plain', metadata: { from: 'here' } };
    expect(await store.exists(bucket, 'once')).toBe(false);
    const created = await Promise.all(['a', 'b', 'c'].map((body) => store.create({ ...object, body })));
    expect(created.filter((first) => first)).toHaveLength(1);
    expect(await store.exists(bucket, 'once')).toBe(true);
    expect(await store.create({ ...object, body: 'late' })).toBeUndefined();
  });

  it('reports a missing version, but not a missing bucket, as not found', async () => {
    const versionId = await put('x');
    for (const gone of [
      { bucket, key: 'never', versionId },
      { bucket, key, versionId: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' },
    ]) {
      await expect(store.read(gone)).rejects.toBeInstanceOf(ObjectNotFound);
      await expect(store.describe(gone)).rejects.toBeInstanceOf(ObjectNotFound);
      await expect(store.copy(gone, { bucket, key: 'copy' })).rejects.toBeInstanceOf(ObjectNotFound);
    }
    await expect(store.read({ bucket: 'no-such-bucket', key, versionId })).rejects.not.toBeInstanceOf(
      ObjectNotFound,
    );
    await expect(
      store.copy({ bucket, key, versionId }, { bucket: 'no-such-bucket', key }),
    ).rejects.not.toBeInstanceOf(ObjectNotFound);
  });
});
