import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { PassThrough, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import Papa from 'papaparse';
import * as z from 'zod';
import { errorText } from '../../domain/errors.ts';
import { decodeKey } from '../../store/listing.ts';
import { isNotFound } from '../../store/object-store.ts';
import { parseS3Url } from '../lake/s3-url.ts';
import type { Target } from '../target/target.ts';
import { UserError } from '../terminal/user-error.ts';

/**
 * Reads the keys that a manifest lists. `.csv` or `.csv.gz` has the format of S3 Inventory and S3 Batch
 * Operations: bucket and key, URL-encoded, without a header. `.json` holds an array of keys, or lists the
 * files of an inventory in S3. In any other file, each line is a key.
 *
 * @param source a file, or `s3://bucket/key`
 * @throws {UserError} when it is missing or is no manifest
 */
export async function* manifestKeys(target: Target, source: string): AsyncGenerator<string> {
  const csv = /\.csv(\.gz)?$/.test(source);
  const keys = csv ? csvKeys(target, source, await open(target, source)) : listedKeys(target, source);
  let number = 0;
  for await (const key of keys) {
    number += 1;
    if (Buffer.byteLength(key) > LONGEST_KEY)
      throw new UserError(
        `${source}: entry ${number} is longer than an S3 key may be. A manifest lists one key per line.`,
      );
    yield key;
  }
}

/** Bytes ("Amazon S3 User Guide: Naming Amazon S3 objects"). */
const LONGEST_KEY = 1_024;

/** Keys, each written as it is or as `s3://bucket/key`. */
async function* listedKeys(target: Target, source: string): AsyncGenerator<string> {
  const { raw } = target.outputs.buckets;
  const entries = source.endsWith('.json') ? jsonKeys(target, source) : linesOf(await open(target, source));
  for await (const entry of entries) {
    if (entry === '') continue;
    const object = parseS3Url(entry);
    if (object !== undefined && object.bucket !== raw)
      throw new UserError(
        `${source} lists ${JSON.stringify(entry)}, but objects are only read from s3://${raw}.`,
      );
    yield object?.key ?? entry;
  }
}

/**
 * Writes a manifest to the failed bucket in the format that the state machine reads.
 *
 * @returns how many keys it has
 */
export async function uploadManifest(target: Target, source: string, key: string): Promise<number> {
  let keys = 0;
  async function* text() {
    yield '[';
    for await (const each of manifestKeys(target, source)) {
      yield `${keys === 0 ? '' : ',\n'}${JSON.stringify({ Key: each })}`;
      keys += 1;
    }
    yield ']\n';
  }
  // `compose` passes an error of the source on, so that the upload fails too.
  const body = Readable.from(text()).compose(new PassThrough());
  await new Upload({
    client: target.s3,
    params: {
      Bucket: target.outputs.buckets.failed,
      Key: key,
      Body: body,
      ContentType: 'application/json',
    },
  }).done();
  if (keys === 0) throw new UserError(`${source} lists no keys.`);
  return keys;
}

async function open(target: Target, source: string): Promise<Readable> {
  const object = parseS3Url(source);
  const body =
    object === undefined ? await openFile(source) : await openObject(target, object.bucket, object.key);
  return source.endsWith('.gz') ? body.compose(createGunzip()) : body;
}

async function openFile(path: string): Promise<Readable> {
  try {
    if ((await stat(path)).isFile()) return createReadStream(path);
  } catch {
    // Reported below.
  }
  throw new UserError(`There is no file ${path}.`);
}

async function openObject({ s3 }: Target, Bucket: string, Key: string): Promise<Readable> {
  try {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
    return Body as Readable;
  } catch (error) {
    if (isNotFound(error)) throw new UserError(`There is no s3://${Bucket}/${Key}.`);
    throw error;
  }
}

async function* linesOf(source: Readable): AsyncGenerator<string> {
  let rest = '';
  let begun = false;
  for await (const chunk of source.setEncoding('utf8')) {
    const text = begun ? String(chunk) : String(chunk).replace(/^\uFEFF/, '');
    begun = true;
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield line.replace(/\r$/, '');
  }
  yield rest.replace(/\r$/, '');
}

/**
 * "Amazon S3 User Guide: Amazon S3 Inventory list": the key is URL-encoded, and a line holds no line feed.
 */
async function* csvKeys(target: Target, source: string, lines: Readable): AsyncGenerator<string> {
  const { raw } = target.outputs.buckets;
  let number = 0;
  for await (const line of linesOf(lines)) {
    number += 1;
    if (line === '') continue;
    const [bucket, key] = Papa.parse<string[]>(line).data[0] ?? [];
    if (bucket === undefined || key === undefined || key === '')
      throw new UserError(
        `${source}:${number} has no bucket and key. Each line must be as S3 Inventory writes it.`,
      );
    if (bucket !== raw)
      throw new UserError(
        `${source}:${number} names the bucket ${JSON.stringify(bucket)}, but objects are only read from ${raw}.`,
      );
    yield decodeKey(key);
  }
}

const keyList = z.array(z.union([z.string(), z.object({ key: z.string() }).transform(({ key }) => key)]));
/** "Amazon S3 User Guide: Amazon S3 Inventory list, Inventory manifest". */
const inventory = z.object({
  destinationBucket: z.string(),
  fileFormat: z.string(),
  files: z.array(z.object({ key: z.string() })),
});

async function* jsonKeys(target: Target, source: string): AsyncGenerator<string> {
  let content: unknown;
  try {
    content = JSON.parse(Buffer.concat(await (await open(target, source)).toArray()).toString());
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${source} can't be read as JSON: ${errorText(error)}`);
  }
  const keys = keyList.safeParse(content);
  if (keys.success) return yield* keys.data;
  const files = inventory.safeParse(content);
  if (!files.success)
    throw new UserError(`${source} is neither a list of keys nor the manifest of an S3 inventory.`);
  if (files.data.fileFormat !== 'CSV')
    throw new UserError(
      `${source} is an inventory in ${files.data.fileFormat}. Only inventories in CSV can be read.`,
    );
  const bucket = files.data.destinationBucket.replace(/^arn:aws[a-z-]*:s3:::/, '');
  for (const { key } of files.data.files) {
    const file = `s3://${bucket}/${key}`;
    yield* csvKeys(target, file, await open(target, file));
  }
}
