import { sourceColumn, versionColumn } from '../../domain/columns.ts';
import {
  objectId,
  parseCompactedKey,
  type VersionPath,
  versionSegment,
} from '../../domain/versions/key-layout.ts';
import type { DataFile } from '../../formats/iceberg/manifest/data-file.ts';
import { currentSchema, type TableMetadata } from '../../formats/iceberg/metadata/metadata.ts';
import { liveFiles } from '../../formats/iceberg/metadata/snapshot-manifests.ts';
import type { OpenParquet } from '../../formats/parquet/read.ts';
import { parseS3Uri, type TableFiles } from '../table-files.ts';
import { isCompacted } from './plan.ts';
import { type Origin, originOf } from './sorted-rows.ts';

/** How many rows of a version a file has. */
export interface VersionRows extends Origin {
  readonly rows: number;
}

export interface FileRows {
  readonly file: DataFile;
  readonly versions: readonly VersionRows[];
}

/** What the compacted files of a table have, as it was found. */
export class CompactedRows {
  readonly #table: TableFiles;
  readonly #metadata: TableMetadata;
  #files: Promise<DataFile[]> | undefined;

  constructor(table: TableFiles, metadata: TableMetadata) {
    this.#table = table;
    this.#metadata = metadata;
  }

  /** The compacted files that the table shows. */
  files(): Promise<DataFile[]> {
    const read = (uri: string) => this.#table.file(uri);
    this.#files ??= liveFiles(this.#metadata, read).then((all) => all.filter(isCompacted));
    return this.#files;
  }

  /**
   * The compacted files with rows of a version of an object.
   *
   * @param partitions paths of those that can have some, if that is known
   */
  async ofVersion(
    key: string,
    { version }: Pick<VersionPath, 'version'>,
    partitions?: ReadonlySet<string>,
  ): Promise<FileRows[]> {
    const found: FileRows[] = [];
    const keys = new Set([key]);
    for (const file of await this.files()) {
      const { partitionPath = '' } = parseCompactedKey(parseS3Uri(file.filePath).key) ?? {};
      if (partitions?.has(partitionPath) === false || !this.#mayHave(file, keys)) continue;
      const all = await versionsIn(await this.#table.open(file), keys);
      const versions = all.filter((each) => versionSegment(each.version) === version);
      if (versions.length > 0) found.push({ file, versions });
    }
    return found;
  }

  /** The versions of these objects that have rows in compacted files. @param keys raw ones */
  async among(keys: ReadonlySet<string>): Promise<VersionPath[]> {
    const found: VersionPath[] = [];
    for (const file of await this.files()) {
      if (!this.#mayHave(file, keys)) continue;
      const versions = await versionsIn(await this.#table.open(file), keys);
      found.push(...versions.map((origin) => pathOfOrigin(this.#table.name, origin)));
    }
    return found;
  }

  /** Whether a file can have rows of one of these objects, as far as its manifest tells. */
  #mayHave({ lowerBounds, upperBounds }: DataFile, keys: ReadonlySet<string>): boolean {
    const { fields } = currentSchema(this.#metadata);
    const id = fields.find(({ name }) => name === sourceColumn.name)?.id ?? 0;
    return isOneWithin(keys, lowerBounds?.get(id), upperBounds?.get(id));
  }
}

/** The versions that a compacted file has rows of, in their order. @param keys of these objects alone */
export async function versionsIn(open: OpenParquet, keys?: ReadonlySet<string>): Promise<VersionRows[]> {
  const found: { source: string; version: string; rows: number }[] = [];
  const batches = open.rows([sourceColumn, versionColumn], (range) => {
    const [lower, upper] = range(sourceColumn.name)?.map((text) => Buffer.from(text)) ?? [];
    return keys === undefined || isOneWithin(keys, lower, upper);
  });
  for await (const rows of batches)
    for (const row of rows) {
      const { source, version } = originOf(row);
      if (keys?.has(source) === false) continue;
      const last = found.at(-1);
      if (last?.source === source && last.version === version) last.rows += 1;
      else found.push({ source, version, rows: 1 });
    }
  return found;
}

/** The same as segments of derived keys. */
export function pathOfOrigin(dataset: string, { source, version }: Origin): VersionPath {
  return { dataset, objectId: objectId(source), version: versionSegment(version) };
}

function isOneWithin(texts: Iterable<string>, lower: Buffer | undefined, upper: Buffer | undefined): boolean {
  for (const text of texts) {
    const bytes = Buffer.from(text);
    const isBelow = lower !== undefined && Buffer.compare(bytes, lower) < 0;
    if (!isBelow && (upper === undefined || Buffer.compare(bytes, upper) <= 0)) return true;
  }
  return false;
}
