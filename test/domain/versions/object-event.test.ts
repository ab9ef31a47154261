import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseObjectEvent } from '../../../domain/versions/object-event.ts';

/** Amazon S3 User Guide, "EventBridge event message structure", Object Created. */
const created = {
  version: '0',
  id: '17793124-05d4-b198-2fde-7ededc63b103',
  'detail-type': 'Object Created',
  source: 'aws.s3',
  account: '111122223333',
  time: '2021-11-12T00:00:00Z',
  region: 'ca-central-1',
  resources: ['arn:aws:s3:::amzn-s3-demo-bucket1'],
  detail: {
    version: '0',
    bucket: { name: 'amzn-s3-demo-bucket1' },
    object: {
      key: 'example-key',
      size: 5,
      etag: 'b1946ac92492d2347c6235b4d2611184',
      'version-id': 'IYV3p45BT0ac8hjHg1houSdS1a.Mro8e',
      sequencer: '617f08299329d189',
    },
    'request-id': 'N4N7GDK58NMKJ12R',
    requester: '123456789012',
    'source-ip-address': '1.2.3.4',
    reason: 'PutObject',
  },
};

/** The same page, Object Deleted (permanently). */
const deleted = {
  ...created,
  'detail-type': 'Object Deleted',
  detail: {
    ...created.detail,
    object: { key: 'example-key', etag: 'd41d8cd98f00b204e9800998ecf8427e', sequencer: '617f0837b476e463' },
    reason: 'DeleteObject',
    'deletion-type': 'Permanently Deleted',
  },
};

describe('an S3 event', () => {
  it('is read as AWS documents it', () => {
    expect(parseObjectEvent(JSON.stringify(created))).toEqual({
      type: 'created',
      bucket: 'amzn-s3-demo-bucket1',
      key: 'example-key',
      versionId: 'IYV3p45BT0ac8hjHg1houSdS1a.Mro8e',
      sequencer: '617f08299329d189',
      size: 5,
      permanent: false,
      reason: 'PutObject',
      revision: 0,
      time: '2021-11-12T00:00:00Z',
    });
    expect(parseObjectEvent(JSON.stringify(deleted))).toMatchObject({
      type: 'deleted',
      versionId: 'null',
      size: undefined,
      permanent: true,
    });
  });

  it('keeps its key unchanged, since EventBridge does not encode it', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1, maxLength: 40, unit: fc.constantFrom(...'a/+% %2B&=\\"é漢👩') }),
        (key) => {
          const object = { ...created.detail.object, key };
          const body = JSON.stringify({ ...created, detail: { ...created.detail, object } });
          expect(parseObjectEvent(body).key).toBe(key);
        },
      ),
      { numRuns: 30 },
    );
    const object = { ...created.detail.object, key: 'a+b%20c d/é.json' };
    const body = JSON.stringify({ ...created, detail: { ...created.detail, object } });
    expect(parseObjectEvent(body).key).toBe('a+b%20c d/é.json');
  });

  it.each([
    ['no JSON', 'not JSON', /is not JSON/],
    ['nothing', '', /is not JSON/],
    ['null', 'null', /not an S3 event/],
    ['a list', '[]', /not an S3 event/],
    ['the test message of S3 notifications', '{"Service":"Amazon S3","Event":"s3:TestEvent"}', /source/],
    ['another source', JSON.stringify({ ...created, source: 'aws.ec2' }), /source/],
    ['another type', JSON.stringify({ ...created, 'detail-type': 'Object Tags Added' }), /detail-type/],
    ['no detail', JSON.stringify({ ...created, detail: undefined }), /detail/],
    ['deep nesting', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, /not an S3 event/],
    ['a poisoned prototype', '{"__proto__":{"source":"aws.s3"}}', /source/],
  ])('is not seen in %s', (_, body, message) => {
    expect(() => parseObjectEvent(body)).toThrow(message);
  });

  it.each([
    ['key', ''],
    ['key', 7],
    ['key', undefined],
    ['sequencer', 'not hexadecimal'],
    ['sequencer', ''],
    ['size', -1],
    ['version-id', null],
  ])('is refused with %s %j, which it names', (field, value) => {
    const object = { ...created.detail.object, [field]: value };
    const body = JSON.stringify({ ...created, detail: { ...created.detail, object } });
    expect(() => parseObjectEvent(body)).toThrow(
      `detail.object.${field}`.replace('.version-id', '["version-id"]'),
    );
  });
});
