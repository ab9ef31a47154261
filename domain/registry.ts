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

/** What one message asks of a stage: which version of which raw object it is about, and which piece of that. */
export interface WorkItem {
  readonly path: VersionPath;
  /** The part, unless the work item is the whole version. */
  readonly numbers: readonly number[];
}

interface KeyRevision {
  readonly key: string;
  readonly versionId: string;
  readonly revision: number;
}

/** The datasets that one pipeline knows. A simulation has others than the deployed pipeline. */
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

  /** The name under which a raw object is filed, also where no dataset reads it. */
  nameOf(key: string): string {
    return this.of(key)?.name ?? UNKNOWN_DATASET;
  }

  /** What becomes of rows when an object goes, or is of no use. Of a key that no dataset reads, there is nothing to keep. */
  rulesOf(key: string): Pick<Dataset, 'onDelete' | 'onReject'> {
    return this.of(key) ?? { onDelete: 'retract', onReject: 'replace' };
  }

  placeOf(key: string): LedgerPlace {
    return { dataset: this.nameOf(key), objectId: objectId(key) };
  }

  /** Where what belongs to a revision of a version of a raw object lies. */
  pathOf({ key, versionId, revision }: KeyRevision): VersionPath {
    return versionPath({ dataset: this.nameOf(key), key, versionId: revisionName(versionId, revision) });
  }

  /** The work item of an event; of a key in no layout of ours, the key itself is the object. */
  workItemOf(stage: Stage, event: KeyRevision): WorkItem {
    if (stage === 'extraction') return { path: this.pathOf(event), numbers: [] };
    const piece = stage === 'transformation' ? parsePartKey(event.key) : parseProcessedKey(event.key);
    if (piece !== undefined) return { path: piece, numbers: [piece.part] };
    return { path: versionPath({ dataset: UNKNOWN_DATASET, ...event }), numbers: [] };
  }
}
