import { createReadStream, type Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, resolve, sep } from 'node:path';
import { datasets, registry } from '../../datasets/index.ts';
import type { Dataset } from '../../domain/dataset.ts';
import { boundsOf, type Source } from '../../domain/records/decoding/source.ts';
import { UserError } from '../terminal/user-error.ts';
import { chosenDataset, datasetNames } from './options.ts';

/**
 * The dataset of a file: the named one, or else the one that its folder is named after.
 *
 * @param instead what else could name it, for the message: `, or the key with --key`
 * @throws {UserError} if there is none
 */
export function datasetOf(file: string, name: string | undefined, instead = ''): Dataset {
  const dataset = name === undefined ? datasetOfFolder(file) : chosenDataset(name);
  if (dataset !== undefined) return dataset;
  throw new UserError(
    `The dataset of ${file} is unknown: no folder above it is named after one. Name it with --dataset (${datasetNames})${instead}.`,
  );
}

/** The key of a file in the raw bucket, if nothing else is said. */
export function keyIn(dataset: Dataset, file: string): string {
  return `${dataset.source.prefix}${basename(file)}`;
}

/**
 * `examples/recipes/soups.ndjson` holds recipes. If several folders are named after datasets, the innermost
 * counts.
 */
function datasetOfFolder(file: string): Dataset | undefined {
  const folders = resolve(file).split(sep).slice(0, -1).reverse();
  const named = folders.map((name) => registry.named(name)).find((dataset) => dataset !== undefined);
  return named ?? (datasets.length === 1 ? datasets[0] : undefined);
}

/** @throws {UserError} if there is no such file, or it is a directory */
export async function statFile(file: string): Promise<Stats> {
  const found = await stat(file).catch((error: Error) => {
    throw new UserError(`${file} can't be read: ${error.message}`);
  });
  if (found.isDirectory()) throw new UserError(`${file} is a directory. Name its files: ${file}/*`);
  return found;
}

/** The bytes of a file, as often as they are needed. */
export function sourceOfFile(file: string): Source {
  return async function* (range) {
    const { start, end } = boundsOf(
      range,
      range === undefined ? Number.POSITIVE_INFINITY : (await stat(file)).size,
    );
    // Of an empty range it would read a byte.
    if (start < end) yield* createReadStream(file, { start, end: end - 1 });
  };
}
