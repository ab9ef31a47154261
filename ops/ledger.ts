import { type _Object, GetObjectCommand, paginateListObjectsV2 } from '@aws-sdk/client-s3';
import { receiptsPrefix, type VersionPath } from '../domain/key-layout.ts';
import { type Receipt, receipt } from '../domain/receipt.ts';
import type { Target } from './target.ts';

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
  const receipts: Promise<Receipt>[] = [];
  for await (const { Key } of listObjects(target, bucket, receiptsPrefix(path))) {
    receipts.push(readText(target, bucket, Key).then((text) => receipt.parse(JSON.parse(text))));
  }
  return Promise.all(receipts);
}
