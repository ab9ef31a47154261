import type { Dataset } from './dataset.ts';
import type { Stage } from './stage.ts';
import {
  type LedgerPlace,
  objectId,
  parsePartKey,
  parseProcessedKey,
  UNKNOWN_DATASET,
  type VersionPath,
  versionPath,
} from './versions/key-layout.ts';
import { revisionName } from './versions/revision.ts';

/** The version of a raw object that a message is about, and the part of it. */
export interface WorkItemPlace {
  readonly path: VersionPath;
  /** The part, unless the work item is the whole version. */
  readonly numbers: readonly number[];
}

interface KeyRevision {
  readonly key: string;
  readonly versionId: string;
  readonly revision: number;
}

/** The datasets of one pipeline. The simulation has other datasets than the deployed pipeline. */
export class Registry {
  readonly all: readonly Dataset[];

  constructor(all: readonly Dataset[]) {
    this.all = all;
  }

  /**
   * The dataset that an object of the raw bucket belongs to: the one with the longest prefix that fits its
   * key.
   */
  of(key: string): Dataset | undefined {
    return this.all
      .filter((dataset) => key.startsWith(dataset.source.prefix))
      .sort((a, b) => b.source.prefix.length - a.source.prefix.length)[0];
  }

  named(name: string): Dataset | undefined {
    return this.all.find((dataset) => dataset.name === name);
  }

  /** Whether a dataset that has stored data was removed from the code. */
  isGone(name: string): boolean {
    return name !== UNKNOWN_DATASET && this.named(name) === undefined;
  }

  /** The dataset's name in the keys of a raw object, even if no dataset reads it. */
  nameOf(key: string): string {
    return this.of(key)?.name ?? UNKNOWN_DATASET;
  }

  /**
   * What happens to the rows of an object that is deleted or has no usable record. A key that no dataset
   * reads has no rows to keep.
   */
  rulesOf(key: string): Pick<Dataset, 'onDelete' | 'onReject'> {
    return this.of(key) ?? { onDelete: 'retract', onReject: 'replace' };
  }

  placeOf(key: string): LedgerPlace {
    return { dataset: this.nameOf(key), objectId: objectId(key) };
  }

  /** The segments of the keys that belong to a revision of a raw object. */
  pathOf({ key, versionId, revision }: KeyRevision): VersionPath {
    return versionPath({ dataset: this.nameOf(key), key, versionId: revisionName(versionId, revision) });
  }

  /**
   * The place of an event's work item. A key that the pipeline did not write is taken for an object itself.
   */
  workItemOf(stage: Stage, event: KeyRevision): WorkItemPlace {
    if (stage === 'extraction') return { path: this.pathOf(event), numbers: [] };
    const address = stage === 'transformation' ? parsePartKey(event.key) : parseProcessedKey(event.key);
    if (address !== undefined) return { path: address, numbers: [address.part] };
    return { path: versionPath({ dataset: UNKNOWN_DATASET, ...event }), numbers: [] };
  }
}
