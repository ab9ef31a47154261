import { type _Object, GetObjectCommand, paginateListObjectsV2 } from '@aws-sdk/client-s3';
import pLimit from 'p-limit';
import { receiptsPrefix, type VersionPath } from '../domain/key-layout.ts';
import { type Receipt, receipt } from '../domain/receipt.ts';
import type { Target } from './target.ts';

const READS_AT_ONCE = 16;

/** All objects of a bucket under a prefix, in the order of their keys. */
export async function* listObjects(
  target: Target,
  bucket: string,
  prefix = '',
): AsyncGenerator<_Object & { Key: string }> {
  for await (const { Contents } of paginateListObjectsV2(
    { client: target.s3 },
    { Bucket: bucket, Prefix: prefix },
  )) {
    for (const object of Contents ?? []) if (object.Key !== undefined) yield { ...object, Key: object.Key };
  }
}

export async function readText(target: Target, bucket: string, key: string): Promise<string> {
  const { Body } = await target.s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  return (await Body?.transformToString()) ?? '';
}

/** Every receipt of one version of an object, whatever the stage. */
export async function readReceipts(target: Target, path: VersionPath): Promise<Receipt[]> {
  const bucket = target.outputs.buckets.ledger;
  const keys: string[] = [];
  for await (const { Key } of listObjects(target, bucket, receiptsPrefix(path))) keys.push(Key);
  const limit = pLimit(READS_AT_ONCE);
  return Promise.all(
    keys.map((key) => limit(async () => receipt.parse(JSON.parse(await readText(target, bucket, key))))),
  );
}
