import { type Command, Option } from 'commander';
import { ErasureScope } from '../../domain/operations/erasure.ts';
import { objectHash, revisionSequencer } from '../../domain/tables/row-identity.ts';
import { latestOf } from '../../store/listing.ts';
import { rawKey } from '../lake/s3-url.ts';
import { cutOut, type RecordToErase, recordToErase } from '../ledger/erasure/cut-out.ts';
import { bucketTotals, describeInventory, elsewhere, otherTotals } from '../ledger/erasure/describe.ts';
import { Erasure } from '../ledger/erasure/erase.ts';
import { type Inventory, isEmpty } from '../ledger/erasure/inventory.ts';
import { activeRevision, replaced } from '../ledger/erasure/old-versions.ts';
import { type ErasableRows, RowsOfObjects, RowsOfOldVersions } from '../ledger/erasure/rows.ts';
import { RunRecord } from '../ledger/run-record.ts';
import { waitFor } from '../ledger/states/wait.ts';
import { withTables } from '../mysql/look-in-tables.ts';
import { mysqlUrl, withMysql } from '../mysql/mysql.ts';
import { chosenTarget, type TargetOptions } from '../options/chosen-target.ts';
import { whole } from '../options/options.ts';
import type { Target } from '../target/target.ts';
import { untilInterrupted } from '../target/until-interrupted.ts';
import { count, Progress, printable, printableJson } from '../terminal/terminal.ts';
import { UserError } from '../terminal/user-error.ts';

interface EraseOptions {
  readonly record?: number;
  readonly versionId?: string;
  readonly oldVersions?: boolean;
  readonly yes?: boolean;
  readonly mysql: boolean;
  readonly timeout: number;
  readonly reason?: string;
  readonly json?: boolean;
}

export function erase(program: Command): void {
  program
    .command('erase')
    .description(
      'erase objects, or one record, for good: from every bucket in every version, and from MySQL; without --yes, only list what would go',
    )
    .argument('<key...>', 'keys in the raw bucket, or s3://raw/KEY')
    .option(
      '-r, --record <number>',
      'only this record of the latest version; the first record is 1',
      whole(1),
    )
    .option('--version-id <id>', 'the version in which --record counts; --yes requires it')
    .addOption(
      new Option('--old-versions', 'everything but the latest version of the object').conflicts('record'),
    )
    .option('--yes', 'do it: nobody can undo it')
    .option('--no-mysql', 'leave MySQL out, if this machine can’t reach it')
    .option(
      '--timeout <seconds>',
      'how long to wait until an object without the record is in every sink',
      whole(1),
      3600,
    )
    .option('--reason <text>', 'why; it goes into the record of the run, so name nobody')
    .option('--json', 'print one JSON document per bucket, then the totals')
    .addHelpText('after', explanation)
    .action(async (asked: string[], options: EraseOptions) => {
      const target = await chosenTarget(program);
      const keys = asked.map((key) => rawKey(target, key));
      if (keys.includes('')) throw new UserError('A key has at least one character.');
      const single = options.record !== undefined || options.oldVersions;
      if (single && keys.length > 1)
        throw new UserError('--record and --old-versions work with one key at a time.');
      const progress = new Progress();
      const result = await untilInterrupted((signal) =>
        new Run(target, program.opts<TargetOptions>(), keys, options, signal, progress).run(),
      ).finally(() => progress.end());
      if (result === undefined)
        console.error(
          options.yes
            ? 'Interrupted. What is erased is gone; to erase the rest, run the command again.'
            : 'Interrupted. Nothing was erased.',
        );
    });
}

const explanation = `
It erases raw objects, parts, rejects, faults, notes, files of the lake and of the archive, ledger entries, receipts,
rows in MySQL, dead-lettered messages, unfinished uploads, copies of the tables rejects and objects, and the copies that
query has made on this machine. Then it lists everything again; the exit status is 1 if anything is left. A run that was
killed is finished by running the command again. docs/maintenance/erasure.md says what no command can erase, and until
when it lives.

--record writes a new version of the object without the record, waits until it has replaced the version before in every
sink, and erases all older versions. The records after it get the number before theirs.`;

/** One run of the command. */
class Run {
  readonly #target: Target;
  readonly #where: TargetOptions;
  readonly #keys: readonly string[];
  readonly #options: EraseOptions;
  readonly #signal: AbortSignal;
  readonly #progress: Progress;

  constructor(
    target: Target,
    where: TargetOptions,
    keys: readonly string[],
    options: EraseOptions,
    signal: AbortSignal,
    progress: Progress,
  ) {
    this.#target = target;
    this.#where = where;
    this.#keys = keys;
    this.#options = options;
    this.#signal = signal;
    this.#progress = progress;
  }

  async run(): Promise<true> {
    const { record, oldVersions } = this.#options;
    if (record !== undefined) await this.#eraseRecord(record);
    else if (oldVersions) await this.#eraseOldVersions(await this.#latestVersion());
    else await this.#eraseObjects();
    return true;
  }

  async #eraseObjects(): Promise<void> {
    const scope = new ErasureScope(this.#keys);
    const url = this.#mysqlUrl();
    if (url === undefined) await this.#erase(scope, undefined);
    else await withMysql(url, (connection) => this.#erase(scope, new RowsOfObjects(connection)));
  }

  async #eraseRecord(record: number): Promise<void> {
    const { yes, versionId, timeout } = this.#options;
    const key = this.#key;
    this.#progress.show('Reading the object');
    const found = await recordToErase(this.#target, key, record, versionId);
    const again = `npx sluice erase ${printable(key)} --record ${record} --version-id ${found.versionId} --yes`;
    if (!yes) {
      this.#say(recordText(found));
      return this.#erase(
        new ErasureScope([key], found.cut === undefined ? found.latest : ''),
        undefined,
        again,
      );
    }
    if (versionId === undefined)
      throw new UserError(
        `Records may have other numbers in another version, so say which one you mean. To erase record ${record} of the latest version: ${again}`,
      );
    // Before anything is written: without MySQL, the old versions would stay.
    this.#mysqlUrl();
    const replacing = await cutOut(this.#target, found, this.#signal);
    this.#signal.throwIfAborted();
    // A new version is not active yet; one of an earlier run may have been reprocessed since.
    const active = await activeRevision(this.#target, key, replacing);
    await waitFor(this.#target, [{ key, versionId: active?.versionId ?? replacing }], timeout);
    await this.#eraseOldVersions(replacing);
  }

  async #latestVersion(): Promise<string> {
    const latest = await latestOf(this.#target, this.#target.outputs.buckets.raw, this.#key);
    if (latest !== undefined && !latest.deleted) return latest.versionId;
    const name = printable(this.#key);
    throw new UserError(`There is no ${name}, so all of it is old. To erase it: npx sluice erase ${name}`);
  }

  async #eraseOldVersions(keeping: string): Promise<void> {
    const key = this.#key;
    const active = await replaced(this.#target, key, keeping);
    const scope = new ErasureScope([key], keeping);
    const url = this.#mysqlUrl();
    if (url === undefined) return this.#erase(scope, undefined);
    const dataset = this.#target.registry.nameOf(key);
    await withTables(url, true, (lookInTables) =>
      this.#erase(
        scope,
        new RowsOfOldVersions(dataset, () => lookInTables(dataset, key, revisionSequencer(active))),
      ),
    );
  }

  get #key(): string {
    return this.#keys[0] ?? '';
  }

  /** @param command what really erases it, after a run that only lists */
  async #erase(
    scope: ErasureScope,
    rows: ErasableRows | undefined,
    command = 'the same command with --yes',
  ): Promise<void> {
    const { yes, reason, record } = this.#options;
    const target = this.#target;
    const progress = (text: string) => this.#progress.show(text);
    const erasure = new Erasure({ target, scope, rows, signal: this.#signal, progress });
    const found = await erasure.inventory();
    this.#print(found);
    if (!yes) {
      this.#total(
        { erased: false, ...otherTotals(found) },
        `Nothing was erased. To erase this for good: ${command}`,
      );
      return;
    }
    const run = new RunRecord(target, 'erasures', {
      what: record !== undefined ? 'record' : scope.keeping === undefined ? 'objects' : 'old versions',
      // Whoever knows a key can look for it; nobody can read it here.
      keyHashes: scope.keys.map(objectHash),
      reason,
    });
    await run.begin();
    const left = await erasure.erase(found);
    const result = {
      complete: isEmpty(left),
      buckets: bucketTotals(found),
      ...otherTotals(found),
      refused: erasure.refused.length,
    };
    await run.end(result);
    this.#report(
      left,
      erasure,
      { erased: true, ...result, record: `s3://${target.outputs.buckets.failed}/${run.key}` },
      rows,
    );
  }

  #report(
    left: Inventory,
    { refused }: Erasure,
    result: { readonly erased: true; readonly complete: boolean; readonly record: string },
    rows: ErasableRows | undefined,
  ): void {
    const others = elsewhere(this.#target, this.#options.mysql);
    if (!result.complete) process.exitCode = 1;
    for (const { bucket, key, versionId, reason } of refused)
      console.error(printable(`s3://${bucket}/${key}, version ${versionId}, was not deleted: ${reason}`));
    if (this.#options.json) {
      this.#total(
        {
          ...result,
          left: { buckets: bucketTotals(left), ...otherTotals(left) },
          refused,
          elsewhere: others,
        },
        '',
      );
      return;
    }
    if (result.complete) {
      const places = rows === undefined ? 'Every bucket and queue' : 'Every bucket, queue and table';
      this.#say(`Erased. ${places} was listed again: nothing is left. The record: ${result.record}`);
    } else {
      this.#say(`This is left:\n${describeInventory(left)}`);
      this.#say(
        refused.length > 0
          ? 'S3 refused to delete what stderr names. Remove the lock or the policy, then run the command again.'
          : 'Something stored it again meanwhile. Stop what uploads the object, then run the command again.',
      );
    }
    this.#say('These live on:');
    for (const { what, lives } of others) this.#say(`  ${what}: ${lives}`);
  }

  #print(found: Inventory): void {
    if (this.#options.json) for (const each of bucketTotals(found)) this.#say(printableJson(each));
    else {
      if (isEmpty(found)) this.#say(`There is nothing of ${this.#keys.map(printable).join(', ')}.`);
      this.#say(describeInventory(found));
    }
  }

  #total(document: object, text: string): void {
    this.#say(this.#options.json ? printableJson(document) : text);
  }

  #say(text: string): void {
    this.#progress.end();
    console.log(text);
  }

  /**
   * Where MySQL is; `undefined` if the pipeline has none, or if it was left out.
   *
   * @throws {UserError} if it can't be reached: a run without it would look complete
   */
  #mysqlUrl(): string | undefined {
    if (!this.#options.mysql) return undefined;
    try {
      return mysqlUrl(this.#where, this.#options.yes ? 'write' : 'read');
    } catch (error) {
      if (!(error instanceof UserError) || this.#target.outputs.mysql === undefined) return undefined;
      if (this.#where.stack === undefined) return undefined;
      throw new UserError(`${error.message}\nTo leave its rows for later: --no-mysql`);
    }
  }
}

function recordText({ cut, record, versionId }: RecordToErase): string {
  if (cut === undefined)
    return `An earlier run has cut record ${record} out of version ${versionId}. Of the old versions, this is left:`;
  const { from, to, records } = cut;
  return `Record ${record} of ${count(records, 'record')} (${count(to - from, 'byte')}) would be cut out of version ${versionId}, and then all of this would be erased:`;
}
