import type { Dataset } from '../dataset.ts';
import { editionName } from '../edition.ts';
import { UNKNOWN_DATASET, type VersionPath, versionPath } from '../key-layout.ts';
import { passengers } from './passengers.ts';
import { recipes } from './recipes.ts';

/** Every dataset of the pipeline. A new one is a file beside this and a line here. */
export const datasets: readonly Dataset[] = [recipes, passengers] as unknown as readonly Dataset[];

/** The dataset that an object of the raw bucket belongs to: the one with the longest prefix that fits its key. */
export function datasetOf(key: string): Dataset | undefined {
  return datasets
    .filter((dataset) => key.startsWith(dataset.source.prefix))
    .sort((a, b) => b.source.prefix.length - a.source.prefix.length)[0];
}

export function datasetNamed(name: string): Dataset | undefined {
  return datasets.find((dataset) => dataset.name === name);
}

/** Whether a dataset that left something behind was removed from the code since. */
export function isGone(name: string): boolean {
  return name !== UNKNOWN_DATASET && datasetNamed(name) === undefined;
}

/** Where what belongs to an edition of a version of a raw object lies. */
export function rawVersionPath(object: {
  readonly key: string;
  readonly versionId: string;
  readonly edition: number;
}): VersionPath {
  const { key, versionId, edition } = object;
  const dataset = datasetOf(key)?.name ?? UNKNOWN_DATASET;
  return versionPath({ dataset, key, versionId: editionName(versionId, edition) });
}
