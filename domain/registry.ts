import { archiveTableName, type Dataset } from './dataset.ts';
import type { Stage } from './stage.ts';
import {
  type LedgerPlace,
  objectId,
  parsePartKey,
  parsePublicationKey,
  UNKNOWN_DATASET,
  type VersionPath,
  versionPath,
  type WorkItem,
} from './versions/key-layout.ts';
import type { VersionRules } from './versions/publishing/rules.ts';
import { revisionName } from './versions/revision.ts';

interface KeyRevision {
  readonly key: string;
  readonly versionId: string;
  readonly revision: number;
}

/** The datasets of one pipeline. The simulation has other datasets than the deployed pipeline. */
export class Registry {
  readonly all: readonly Dataset[];

  /** @throws {Error} if two tables of the catalog would have the same name */
  constructor(all: readonly Dataset[]) {
    for (const { name } of all)
      if (all.some((other) => other.name === archiveTableName(name)))
        throw new Error(
          `Dataset "${archiveTableName(name)}": the catalog has a table of this name, which shows the archive of ${name} (docs/queries.md): choose another name.`,
        );
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
  rulesOf(key: string): Pick<Dataset, 'onDelete'> & VersionRules {
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
   * The work item of an event. A key that the pipeline did not write is taken for an object itself.
   */
  workItemOf(stage: Stage, event: KeyRevision): WorkItem {
    if (stage === 'extraction') return { path: this.pathOf(event), stage };
    const part = parsePartKey(event.key);
    if (stage === 'transformation' && part !== undefined) return { path: part, stage, part: part.part };
    const published = parsePublicationKey(event.key);
    if (published !== undefined) {
      const { part: of, ...path } = published;
      return { path, stage, ...(stage === 'loading' && of !== undefined && { part: of }) };
    }
    return { path: versionPath({ dataset: UNKNOWN_DATASET, ...event }), stage };
  }
}
