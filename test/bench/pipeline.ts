import { createReadStream, mkdirSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Upload } from '@aws-sdk/lib-storage';
import { ledgerOf } from '../../cli/ledger/ledger.ts';
import { type PipelineOptions, startPipeline } from '../../cli/target/local-cloud.ts';
import { localTarget, type Target } from '../../cli/target/target.ts';
import { registry } from '../../datasets/index.ts';
import {
  objectId,
  parseDataKey,
  receiptsPrefix,
  versionPath,
  versionSegment,
} from '../../domain/versions/key-layout.ts';
import { extractionReceipt, total } from '../../domain/versions/receipt.ts';
import { listObjects, readText } from '../../store/listing.ts';
import { tableFiles } from '../pipeline/table-files.ts';

const POLL_MS = 50;
const LOOK_MS = 5;

/**
 * What a reader who reads the lake's table all the time sees of an overwrite. Milliseconds since it began.
 */
export interface Overwrite {
  readonly firstNewFile: number;
  readonly lastOldFile: number;
}

export interface Passage {
  /** From the beginning of the upload to the last receipt of the transformation. */
  readonly ms: number;
  readonly read: number;
  readonly written: number;
  readonly rejected: number;
}

/** The pipeline as it is deployed: the local cloud with the real bundles in processes of their own. */
export class BenchPipeline {
  readonly #directory: string;
  readonly #target: Target;
  readonly #stop: () => Promise<void>;
  readonly #troubles: string[];

  private constructor(directory: string, target: Target, stop: () => Promise<void>, troubles: string[]) {
    this.#directory = directory;
    this.#target = target;
    this.#stop = stop;
    this.#troubles = troubles;
  }

  static async start(
    directory: string,
    options: Pick<PipelineOptions, 'configuration' | 'environment'> = {},
  ): Promise<BenchPipeline> {
    mkdirSync(directory, { recursive: true });
    const troubles: string[] = [];
    const onTrouble = (line: string) => troubles.push(line);
    const running = await startPipeline({ directory, port: 0, onTrouble, ...options });
    return new BenchPipeline(directory, localTarget(running, directory), () => running.close(), troubles);
  }

  get target(): Target {
    return this.#target;
  }

  /** @throws {Error} when a record is unaccounted for, or a function failed */
  async pass(file: string, key: string): Promise<Passage> {
    const dataset = registry.named('recipes')?.name ?? '';
    const { raw, ledger } = this.#target.outputs.buckets;
    const startedAt = performance.now();
    const { VersionId: versionId = 'null' } = await new Upload({
      client: this.#target.s3,
      params: { Bucket: raw, Key: key, Body: createReadStream(file, { highWaterMark: 1 << 20 }) },
    }).done();
    const path = versionPath({ dataset, key, versionId });
    let parts: number | undefined;
    for (;;) {
      if (this.#troubles.length > 0) throw new Error(`The pipeline stumbled:\n${this.#troubles.join('\n')}`);
      const keys: string[] = [];
      for await (const { Key } of listObjects(this.#target, ledger, receiptsPrefix(path))) keys.push(Key);
      const extraction = keys.find((each) => each.includes('extraction'));
      if (parts === undefined && extraction !== undefined) {
        const text = await readText(this.#target, ledger, extraction);
        parts = extractionReceipt.parse(JSON.parse(text)).parts.length;
      }
      if (keys.filter((each) => each.includes('transformation')).length === parts) break;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    const ms = performance.now() - startedAt;
    const receipts = await ledgerOf(this.#target).receipts(path);
    let [read, written, rejected] = [0, 0, 0];
    for (const receipt of receipts) {
      if (receipt.stage === 'loading') continue;
      if (receipt.stage === 'extraction') read += receipt.read;
      else written += receipt.written;
      rejected += total(receipt.rejected);
    }
    if (read !== written + rejected)
      throw new Error(`${read} read, ${written} written, ${rejected} rejected.`);
    return { ms, read, written, rejected };
  }

  /**
   * Puts another version of a key that has passed, and looks at the lake's table until nothing of the old one
   * is left.
   */
  async overwrite(file: string, rawKey: string): Promise<Overwrite> {
    const { raw } = this.#target.outputs.buckets;
    const startedAt = performance.now();
    const { VersionId: versionId = 'null' } = await new Upload({
      client: this.#target.s3,
      params: { Bucket: raw, Key: rawKey, Body: createReadStream(file, { highWaterMark: 1 << 20 }) },
    }).done();
    let firstNewFile: number | undefined;
    let lastOldFile = 0;
    for (;;) {
      if (this.#troubles.length > 0) throw new Error(`The pipeline stumbled:\n${this.#troubles.join('\n')}`);
      const at = performance.now() - startedAt;
      const versions: (string | undefined)[] = [];
      for (const key of await tableFiles(this.#target, 'recipes')) {
        const address = parseDataKey(key);
        if (address?.objectId === objectId(rawKey)) versions.push(address.version);
      }
      const isNew = (version: string | undefined) => version === versionSegment(versionId);
      if (versions.some(isNew)) firstNewFile ??= at;
      if (!versions.every(isNew)) lastOldFile = performance.now() - startedAt;
      else if (firstNewFile !== undefined) return { firstNewFile, lastOldFile };
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  /**
   * The most memory that a process of each function had resident, in MB, and the limit that would have killed
   * it.
   */
  async memory(): Promise<ReadonlyMap<string, { readonly peak: number; readonly limit: number }>> {
    const found = new Map<string, { peak: number; limit: number }>();
    const directory = join(this.#directory, 'logs');
    for (const name of await readdir(directory)) {
      const stage = /extraction|transformation|commit|loading/.exec(name)?.[0];
      if (stage === undefined) continue;
      const text = await readFile(join(directory, name), 'utf8');
      for (const [, limit, peak] of text.matchAll(/Memory Size: (\d+) MB.*?Max Memory Used: (\d+) MB/g)) {
        const before = found.get(stage)?.peak ?? 0;
        found.set(stage, { peak: Math.max(before, Number(peak)), limit: Number(limit) });
      }
    }
    return found;
  }

  async close(): Promise<void> {
    await this.#stop();
    await rm(this.#directory, { recursive: true, force: true });
  }
}
