import { checkpointKey } from '../../../domain/records/checkpoint.ts';
import { parseOutlineKey } from '../../../domain/records/segments/outline.ts';
import { objectHash, sortableSequencer } from '../../../domain/tables/row-identity.ts';
import { csvTableKey, faultKey, versionPath } from '../../../domain/versions/key-layout.ts';
import { isShownBy, type LedgerEntry } from '../../../domain/versions/ledger.ts';
import { VERSION_GONE } from '../../../domain/versions/publishing/verdict.ts';
import { type ExtractionReceipt, type Receipt, total } from '../../../domain/versions/receipt.ts';
import { parseRevision, revisionName } from '../../../domain/versions/revision.ts';
import { memberOf } from '../load/datasets.ts';
import type { Pipeline } from '../pipeline.ts';
import type { Contents } from './contents.ts';
import { posthumousFaults, queues, rejectsOfOtherCodes, retries, unread } from './left-over.ts';
import type { Past } from './past.ts';
import {
  breaksRule,
  type Change,
  type Expected,
  expectedOf,
  isUsable,
  type Looked,
  lineOf,
  outcomeOf,
  type Uploaded,
  wasUsable,
} from './specification.ts';

/** What is wrong, each named; nothing when the end is what it must be. */
export async function findings(pipeline: Pipeline, past: Past): Promise<string[]> {
  return new Model(pipeline, past).check();
}

type Keys = Readonly<Record<'temp' | 'processed' | 'archive' | 'failed', Set<string>>>;

const noKeys = (): Keys => ({
  temp: new Set(),
  processed: new Set(),
  archive: new Set(),
  failed: new Set(),
});

class Model {
  readonly #pipeline: Pipeline;
  readonly #past: Past;
  readonly #contents: Contents;
  readonly #found: string[] = [];
  #receipts: ReadonlyMap<string, readonly Receipt[]> = new Map();
  /** What must be in each bucket, and nothing else. */
  readonly #accounted = noKeys();
  /** What may be there. */
  readonly #leftToChance = noKeys();
  /** The keys of the files that a snapshot of a table shows. */
  #inSnapshots: ReadonlySet<string> = new Set();

  constructor(pipeline: Pipeline, past: Past) {
    this.#pipeline = pipeline;
    this.#past = past;
    this.#contents = pipeline.contents;
  }

  async check(): Promise<string[]> {
    const { history } = this.#past;
    this.#found.push(...(await queues(this.#pipeline, this.#past)), ...retries(this.#pipeline));
    this.#found.push(...this.#pipeline.lostEvents.map((line) => `lost event: ${line}`));
    const all = await this.#contents.receipts();
    this.#receipts = Map.groupBy(all, ({ versionId }) => versionId);
    const entries = await this.#contents.entries();
    this.#inSnapshots = await this.#contents.snapshotFiles();
    const unnamed = await unread(this.#contents, entries.values());
    const foreign = rejectsOfOtherCodes(this.#pipeline, all).union(posthumousFaults(this.#pipeline));
    const [lake, archive, rejects] = await Promise.all([
      this.#contents.rows('processed', await this.#contents.lakeFiles()),
      this.#contents.rows('archive', this.#contents.keys('archive')),
      this.#contents.rejects(foreign),
    ]);
    for (const [key, changes] of Map.groupBy(history, (change) => change.key)) {
      const standing = this.#checkHead(key, changes, entries.get(key));
      for (const change of changes) {
        if (!('body' in change)) continue;
        const names = standing.filter((each) => plain(each) === change.versionId);
        this.#checkVersion(change, names, shownBy(entries.get(key)), { lake, archive, rejects });
      }
      this.#checkTable(key, changes, entries.get(key));
    }
    const puts = new Set(history.flatMap((change) => ('body' in change ? change.versionId : [])));
    const ofNobody = all.filter(({ versionId }) => !puts.has(parseRevision(versionId).versionId));
    this.#check('receipts of what nobody put', ofNobody.length, 0);
    // A dead attempt at what is gone for good may have left its fault.
    const erased = history.flatMap((change) => ('erased' in change ? change.erased : []));
    for (const purpose of ['temp', 'processed', 'archive', 'failed'] as const) {
      const expected = this.#accounted[purpose];
      const keys = new Set(
        this.#contents
          .keys(purpose)
          .filter((key) => !/^(attempts|gave-up)\//.test(key) && !unnamed.has(key) && !foreign.has(key))
          // One stays if its writer died, or was late; it expires.
          .filter((key) => purpose !== 'temp' || parseOutlineKey(key) === undefined)
          .filter((key) => purpose !== 'failed' || !erased.some((versionId) => key.includes(versionId))),
      );
      const allowed = expected.union(this.#leftToChance[purpose]);
      const isExact = !this.#past.purged || purpose === 'processed';
      if (isExact) this.#check(`unaccounted keys in ${purpose}`, [...keys.difference(allowed)], []);
      const all = new Set(this.#contents.keys(purpose));
      this.#check(`keys that lack in ${purpose}`, [...expected.difference(all)], []);
    }
    return this.#found;
  }

  #check(what: string, actual: unknown, expected: unknown): void {
    const [is, should] = [JSON.stringify(actual), JSON.stringify(expected)];
    if (is !== should) this.#found.push(`${what}: is ${is}, must be ${should}`);
  }

  #checkOneOf(what: string, actual: string | undefined, expected: readonly (Uploaded | undefined)[]): void {
    const allowed = expected.map((upload) => upload?.versionId);
    if (!allowed.includes(actual)) this.#found.push(`${what}: is ${actual}, must be ${allowed.join(' or ')}`);
  }

  /** @returns the versions that stand, in their revisions */
  #checkHead(key: string, changes: readonly Change[], entry: LedgerEntry | undefined): string[] {
    const { shown, rejected } = outcomeOf(changes, (upload) => this.#isOfUse(upload), this.#past.purged);
    const current = shownBy(entry);
    const attempts = entry?.attempts.map(({ versionId }) => versionId) ?? [];
    this.#checkOneOf(`version that ${key} shows`, plain(current), shown);
    if (attempts.length > 1) this.#found.push(`attempts at ${key}: are ${attempts}, must be one at most`);
    // Parts that were transformed by different codes may make one revision useless, beside another of use.
    const puts = changes.filter((change): change is Uploaded => 'body' in change);
    const mixed = puts.filter((upload) => new Set(this.#usesOf(upload)).size === 2);
    this.#checkOneOf(`attempt at ${key}`, plain(attempts[0]), [...rejected, ...mixed]);
    this.#check(
      `states of attempts at ${key}`,
      [...new Set(entry?.attempts.map(({ status }) => status))],
      attempts.length === 0 ? [] : ['rejected'],
    );
    this.#check(`superseded versions of ${key}`, entry?.superseded ?? [], []);
    this.#checkRevision(key, current, mixed);
    this.#checkTold(key, entry);
    return [current, ...attempts].filter((name) => name !== undefined);
  }

  /** What the table shows was told on the bus, and that a version which stands has a fault. */
  #checkTold(key: string, entry: LedgerEntry | undefined): void {
    if (entry === undefined) return;
    const { bus } = this.#pipeline;
    const { current, attempts } = entry;
    if (current !== undefined && isShownBy('committed', entry)) {
      const type = current.type === 'created' ? 'Version Published' : 'Version Deleted';
      this.#check(`${type} of ${key} was told`, bus.knows(type, current), true);
    }
    for (const version of [...(current?.type === 'created' ? [current] : []), ...attempts]) {
      const receipt = this.#receipts.get(version.versionId)?.find(({ stage }) => stage === 'extraction');
      if (receipt !== undefined && ('fault' in receipt || 'fault' in version))
        this.#check(`the fault of ${key} was told`, bus.knows('Version Failed', version), true);
    }
  }

  #checkRevision(key: string, current: string | undefined, mixed: readonly Uploaded[]): void {
    if (current === undefined) return;
    const { versionId, revision } = parseRevision(current);
    const revisions = this.#past.replayed
      .map(parseRevision)
      .filter((each) => each.versionId === versionId)
      .map((each) => each.revision);
    const asked = Math.max(0, ...revisions);
    // What is gone can't be done anew, nor what was asked for in a message that is lost. What a sweep has
    // made up for is put far down: an older version whose event is late takes its place, and then its own
    // late event the place of that one, as revision 0.
    const mayBeEarlier =
      this.#isErased(versionId) ||
      this.#past.purged ||
      this.#past.swept ||
      mixed.some((each) => each.versionId === versionId);
    const least = mayBeEarlier ? 0 : asked;
    // One that a deploy has interrupted is done in another one, and so is one whose name has receipts
    // already.
    const used = [...this.#receipts.keys()].map(parseRevision);
    const below = used.filter((each) => each.versionId === versionId && each.revision < revision).length;
    const most = this.#past.swept ? Number.POSITIVE_INFINITY : asked + this.#pipeline.deploys + below;
    if (revision < least || revision > most)
      this.#found.push(`revision of ${key}: is ${revision}, must be from ${least} to ${most}`);
  }

  /**
   * Whether any revision of a version was of use, by the codes that read it. One that was gone by then never
   * is. Of several, those count that came to an end: how many parts a code makes decides how many partitions
   * the rows may fall into, and so what is rejected.
   */
  #isOfUse(upload: Uploaded): boolean {
    return this.#usesOf(upload).includes(true);
  }

  /** Whether it was of use in each revision that counts. */
  #usesOf(upload: Uploaded): boolean[] {
    const extractions = this.#extractions(upload.versionId);
    if (extractions.length === 0) return [isUsable(upload, 0)];
    const revisions = extractions.map((each) => ({ each, expected: this.#expectedIfWhole(upload, each) }));
    const whole = revisions.filter(({ expected }) => expected !== undefined);
    return (whole.length > 0 ? whole : revisions).map(({ each, expected }) => {
      if (each.fault?.code === VERSION_GONE || this.#isPartlyGone(each)) return false;
      return expected === undefined
        ? isUsable(upload, this.#pipeline.codes.of(each))
        : wasUsable(upload, expected);
    });
  }

  /** What must be there of a revision, all parts of which are transformed. */
  #expectedIfWhole(upload: Uploaded, extraction: ExtractionReceipt): Expected | undefined {
    const own = this.#receipts.get(extraction.versionId) ?? [];
    const transformations = own.filter((each) => each.stage === 'transformation');
    if (transformations.length < extraction.parts.length) return undefined;
    return expectedOf(upload, extraction, transformations, this.#pipeline.codes, () => false);
  }

  /** Whether a part of it was to be read in the object when the version was gone. */
  #isPartlyGone({ versionId }: ExtractionReceipt): boolean {
    const own = this.#receipts.get(versionId) ?? [];
    return own.some((each) => each.stage === 'transformation' && VERSION_GONE in each.rejected);
  }

  #extractions(versionId: string) {
    return [...this.#receipts]
      .filter(([name]) => parseRevision(name).versionId === versionId)
      .flatMap(([, receipts]) => receipts.filter((each) => each.stage === 'extraction'));
  }

  #checkVersion(
    upload: Uploaded,
    names: readonly string[],
    shown: string | undefined,
    found: Readonly<Record<'lake' | 'archive' | 'rejects', ReadonlyMap<string, string[]>>>,
  ): void {
    const { key } = upload;
    // Nothing may be left of any revision but those that stand.
    const revisions = new Set([upload.versionId, ...names]);
    for (const each of this.#receipts.keys())
      if (parseRevision(each).versionId === upload.versionId) revisions.add(each);
    for (const revision of revisions) {
      const label = `${key} ${revision.slice(0, 6)}${revision.includes('!') ? revision.slice(-5) : ''}`;
      const stands = names.includes(revision);
      const own = this.#receipts.get(revision) ?? [];
      const place = versionPath({
        dataset: memberOf(key)?.name ?? '_unknown',
        key,
        versionId: revision,
      });
      // It stays where its writer died, or failed, before it was removed.
      if (stands) this.#leftToChance.temp.add(checkpointKey(place));
      // Of one that took no effect and is gone for good, it depends on the moment what is still known; and no
      // sweep looks for parts of it whose messages were lost.
      if (stands && revision !== shown && (this.#isErased(upload.versionId) || this.#past.purged)) {
        this.#account(upload, revision, own, this.#leftToChance, true);
        continue;
      }
      const expected = stands ? this.#checkReceipts(label, upload, own, revision === shown) : undefined;
      const { dataset, objectId, version } = place;
      const path = `${dataset}/${objectId}/${version}`;
      const rows = revision === shown ? (expected?.rows ?? []).map(({ line }) => line) : [];
      this.#check(`rows of ${label}`, (found.lake.get(path) ?? []).sort(), rows.toSorted());
      // Where messages were lost, nobody cleans up after a dead attempt, or after a file of the lake.
      if (!stands && this.#past.purged) continue;
      this.#check(`archived rows of ${label}`, (found.archive.get(path) ?? []).sort(), rows.toSorted());
      this.#check(
        `rejects of ${label}`,
        (found.rejects.get(path) ?? []).sort(),
        [...(expected?.rejects ?? [])].sort(),
      );
      if (stands) this.#account(upload, revision, own, this.#accounted, revision === shown);
    }
  }

  /** The receipts of a version that stands must be complete, and tell the truth. */
  #checkReceipts(
    label: string,
    upload: Uploaded,
    own: readonly Receipt[],
    isShown: boolean,
  ): Expected | undefined {
    const extractions = own.filter((each) => each.stage === 'extraction');
    const transformations = own.filter((each) => each.stage === 'transformation');
    const [extraction] = extractions;
    this.#check(`receipts of the extraction of ${label}`, extractions.length, 1);
    if (extraction === undefined) return undefined;
    const { codes } = this.#pipeline;
    const expected = expectedOf(upload, extraction, transformations, codes, this.#looked(own));
    const { rejects, rows, filtered } = expected;
    this.#check(`fault of ${label}`, extraction.fault?.code, upload.fault);
    this.#check(`records read of ${label}`, extraction.read, upload.items.length);
    const parts = extraction.parts.reduce((sum, { records }) => sum + records, 0);
    this.#check(
      `conservation in the extraction of ${label}`,
      extraction.read,
      parts + total(extraction.rejected),
    );
    this.#check(
      `parts transformed of ${label}`,
      transformations.map(({ part }) => part).sort((a, b) => a - b),
      extraction.parts.map((_, n) => n),
    );
    const sum = (of: (each: (typeof transformations)[number]) => number) =>
      transformations.reduce((all, each) => all + of(each), 0);
    this.#check(
      `records written of ${label}`,
      sum(({ written }) => written),
      rows.length,
    );
    this.#check(
      `records filtered of ${label}`,
      sum((each) => total(each.filtered)),
      filtered,
    );
    const inTables = own.reduce(
      (all, each) => all + (each.stage === 'loading' ? total(each.tables?.rejected ?? {}) : 0),
      0,
    );
    this.#check(
      `records rejected of ${label}`,
      total(extraction.rejected) + sum((each) => total(each.rejected)) + inTables,
      rejects.length,
    );
    const files = transformations.flatMap(({ outputs }) => outputs.map(({ key }) => key));
    const loaded = own.flatMap((each) => (each.stage === 'loading' ? each.files.map(({ key }) => key) : []));
    if (isShown) this.#check(`files loaded of ${label}`, loaded.sort(), files.sort());
    return expected;
  }

  /**
   * Which parts of a version MySQL has looked at: of one that came when it had seen a newer version, it takes
   * no row, and refuses none; nor of a version that is not published.
   */
  #looked(own: readonly Receipt[]): Looked {
    const loadings = own.filter((each) => each.stage === 'loading');
    const looked = new Set(loadings.filter(({ tables }) => tables?.stale !== true).map(({ part }) => part));
    return (part) => this.#pipeline.mysql !== undefined && looked.has(part);
  }

  #isErased(versionId: string): boolean {
    return this.#past.history.some((change) => 'erased' in change && change.erased === versionId);
  }

  #account(upload: Uploaded, revision: string, own: readonly Receipt[], to: Keys, isShown: boolean): void {
    const { temp, processed, archive, failed } = to;
    for (const receipt of own) {
      for (const { key } of receipt.rejects) failed.add(key);
      if (receipt.stage === 'extraction') {
        if (!receipt.inPlace) for (const { key } of receipt.parts) temp.add(key);
        const dataset = memberOf(upload.key)?.name ?? '_unknown';
        const path = versionPath({ dataset, key: upload.key, versionId: revision });
        const expected = this.#expectedIfWhole(upload, receipt);
        const isRefused = expected !== undefined && breaksRule(upload, expected);
        if (receipt.fault !== undefined || isRefused) failed.add(faultKey({ path, stage: 'extraction' }));
      }
      if (receipt.stage === 'transformation' && isShown)
        // Those of Parquet that no snapshot shows have their rows in compacted files.
        for (const { key } of receipt.outputs)
          if (key.endsWith('.csv') || this.#inSnapshots.has(key)) processed.add(key);
      if (receipt.stage !== 'loading') continue;
      for (const { key, archive: copy } of receipt.files) {
        archive.add(copy.key);
        if (key.endsWith('.csv')) processed.add(csvTableKey(key));
      }
    }
  }

  #checkTable(key: string, changes: readonly Change[], entry: LedgerEntry | undefined): void {
    const { mysql, codes } = this.#pipeline;
    const member = memberOf(key);
    if (mysql === undefined || member === undefined) return;
    const found = mysql.rows(member.name, objectHash(key));
    const name = shownBy(entry);
    const shown = changes.find(
      (change): change is Uploaded => 'body' in change && change.versionId === plain(name),
    );
    const own = this.#receipts.get(name ?? '') ?? [];
    const extraction = own.find((each) => each.stage === 'extraction');
    const transformations = own.filter((each) => each.stage === 'transformation');
    const rows =
      shown === undefined || extraction === undefined
        ? []
        : expectedOf(shown, extraction, transformations, codes, () => true).rows.filter(
            ({ refused }) => !refused,
          );
    const { revision } = parseRevision(name ?? '');
    const sequencer = revisionName(sortableSequencer(entry?.current?.sequencer ?? ''), revision);
    const actual = found.map(
      (row) => `${row['_record']}: ${lineOf(row, member.columns)} (${row['_sequencer']})`,
    );
    const expected = rows.map(({ record, line }) => `${record}: ${line} (${sequencer})`);
    const mayHaveMore = this.#past.purged;
    this.#check(
      `rows of ${key} in the table`,
      mayHaveMore ? actual.filter((row) => expected.includes(row)) : actual,
      expected,
    );
    // Of a version without rows it is all the same.
    if (mayHaveMore || (shown !== undefined && rows.length === 0)) return;
    this.#check(
      `provenance of ${key} in the table`,
      [...mysql.versions(member.name, objectHash(key))].map(
        ([of, { source, version }]) => `${of}: ${source} ${version}`,
      ),
      rows.length === 0 ? [] : [`${sequencer}: ${key} ${name}`],
    );
  }
}

function shownBy(entry: LedgerEntry | undefined): string | undefined {
  return entry?.current?.type === 'created' ? entry.current.versionId : undefined;
}

function plain(name: string | undefined): string | undefined {
  return name === undefined ? undefined : parseRevision(name).versionId;
}
