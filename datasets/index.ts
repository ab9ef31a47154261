import type { Dataset } from '../domain/dataset.ts';
import { UNKNOWN_DATASET, type VersionPath, versionPath } from '../domain/versions/key-layout.ts';
import { revisionName } from '../domain/versions/revision.ts';
import { passengers } from './passengers.ts';
import { recipes } from './recipes.ts';

/** Every dataset of the pipeline. A new one is a file beside this and a line here. */
export const datasets: readonly Dataset[] = [recipes, passengers] as unknown as readonly Dataset[];

/** Datasets that one pipeline knows. A simulation has others than the deployed pipeline. */
export class Registry {
  readonly all: readonly Dataset[];

  constructor(all: readonly Dataset[]) {
    this.all = all;
  }

  /** The dataset that an object of the raw bucket belongs to: the one with the longest prefix that fits its key. */
  of(key: string): Dataset | undefined {
    return this.all
      .filter((dataset) => key.startsWith(dataset.source.prefix))
      .sort((a, b) => b.source.prefix.length - a.source.prefix.length)[0];
  }

  named(name: string): Dataset | undefined {
    return this.all.find((dataset) => dataset.name === name);
  }

  /** Whether a dataset that left something behind was removed from the code since. */
  isGone(name: string): boolean {
    return name !== UNKNOWN_DATASET && this.named(name) === undefined;
  }

  /** Where what belongs to a revision of a version of a raw object lies. */
  pathOf(object: {
    readonly key: string;
    readonly versionId: string;
    readonly revision: number;
  }): VersionPath {
    const { key, versionId, revision } = object;
    const dataset = this.of(key)?.name ?? UNKNOWN_DATASET;
    return versionPath({ dataset, key, versionId: revisionName(versionId, revision) });
  }
}

/** The pipeline's own. */
export const registry = new Registry(datasets);

export const datasetOf = (key: string): Dataset | undefined => registry.of(key);

export const datasetNamed = (name: string): Dataset | undefined => registry.named(name);

export const isGone = (name: string): boolean => registry.isGone(name);
