import { authorizeRole, type Caller } from '../core/call.ts';
import type { ServiceContext } from '../core/cloud-service.ts';
import { type Journal, noJournal, openNothing } from '../core/journal.ts';
import { badRequest, errorText } from '../core/service-error.ts';
import { StateRefused } from '../core/state.ts';
import { type BusEvent, eventTime } from '../events/rule.ts';
import { roleReader } from '../s3/api/role-reader.ts';
import type { Store } from '../s3/storage/store.ts';
import type { Sqs } from '../sqs/sqs.ts';
import { Catalog, type Partition } from './catalog.ts';
import { type CompareFile, type Crawl, crawl } from './crawler.ts';
import type { CatalogSettings, CrawlerSettings } from './settings.ts';
import type { Table, TableChange } from './tables.ts';

export type GlueEntry =
  | { readonly type: 'registered'; readonly partitions: readonly Partition[] }
  | {
      readonly type: 'removed';
      readonly database: string;
      readonly table: string;
      readonly values: readonly string[];
    }
  | { readonly type: 'crawled'; readonly crawl: Crawl }
  | TableChange;

export interface GlueOptions extends ServiceContext {
  readonly settings: CatalogSettings;
  readonly store: Store;
  readonly sqs: Pick<Sqs, 'queue'>;
  readonly publish: (event: BusEvent) => Promise<void>;
  /** Compares new files with their table for the crawler's warnings. Without it, no file is compared. */
  readonly compare?: CompareFile | undefined;
}

/** Number of crawls remembered per crawler. */
const REMEMBERED = 50;

export interface LiveCrawler {
  readonly settings: CrawlerSettings;
  /** The newest is last. */
  readonly history: Crawl[];
  running: { readonly startedAt: number; readonly done: Promise<void> } | undefined;
}

/** Glue, limited to the needs of the lake: the Data Catalog and its crawlers. */
export class Glue {
  readonly catalog: Catalog;
  readonly #options: GlueOptions;
  readonly #crawlers: ReadonlyMap<string, LiveCrawler>;
  readonly #closing = new AbortController();
  #journal: Journal<GlueEntry> = noJournal;

  constructor(options: GlueOptions) {
    this.#options = options;
    this.catalog = new Catalog(options.settings, () => options.clock.now());
    this.#crawlers = new Map(
      options.settings.crawlers.map((settings) => [
        settings.name,
        { settings, history: [], running: undefined },
      ]),
    );
  }

  /** @throws StateRefused if the program declares a table that a call made */
  async start(): Promise<void> {
    const { openJournal = openNothing } = this.#options;
    this.#journal = await openJournal<GlueEntry>(
      'glue',
      (entry) => this.#replay(entry),
      () => this.#snapshot(),
    );
    const twice = this.catalog.twice();
    if (twice) throw declaredTwice(twice);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled([...this.#crawlers.values()].map(({ running }) => running?.done));
    await this.#journal.close();
  }

  /** @throws EntityNotFoundException */
  crawler(name: string): LiveCrawler {
    const crawler = this.#crawlers.get(name);
    if (crawler) return crawler;
    throw badRequest('EntityNotFoundException', `Crawler entry with name ${name} does not exist`);
  }

  /** Starts a crawl in the background. @throws EntityNotFoundException, CrawlerRunningException */
  startCrawler(name: string): void {
    const crawler = this.crawler(name);
    if (crawler.running)
      throw badRequest('CrawlerRunningException', `Crawler with name ${name} has already started`);
    const startedAt = this.#options.clock.now();
    const done = this.#crawl(crawler, startedAt).finally(() => {
      crawler.running = undefined;
    });
    crawler.running = { startedAt, done };
  }

  /** Registers partitions; one that is registered already gets the new location. */
  async register(partitions: readonly Partition[]): Promise<void> {
    for (const partition of partitions) this.catalog.add(partition);
    await this.#journal.append({ type: 'registered', partitions });
  }

  async removePartition(database: string, table: string, values: readonly string[]): Promise<void> {
    this.catalog.remove({ database, table }, values);
    await this.#journal.append({ type: 'removed', database, table, values });
  }

  /** Changes a table; resolves when the change is stored. */
  async changeTable(change: (catalog: Catalog) => TableChange): Promise<void> {
    await this.#journal.append(change(this.catalog));
  }

  async #crawl({ settings, history }: LiveCrawler, startedAt: number): Promise<void> {
    const { authorize, sqs, store, clock, ids, compare = async () => [] } = this.#options;
    const caller: Caller = { kind: 'role', principal: settings.roleArn };
    const { tables } = settings;
    // "After updating the crawler properties which may impact the crawl, the crawl operates in list mode."
    const isFirst = !history.some(
      (each) => each.state === 'COMPLETED' && each.tables?.join() === tables.join(),
    );
    const begun = { id: ids(), crawler: settings.name, tables, startedAt };
    let ended: Crawl;
    try {
      await authorizeRole(authorize, 'glue', settings.roleArn, settings.arn);
      const outcome = await crawl(
        settings,
        isFirst,
        {
          catalog: this.catalog,
          files: roleReader(store, authorize, caller),
          queue: sqs.queue(settings.queueArn.split(':').at(-1) ?? '', caller),
          authorize,
          caller,
          now: () => clock.now(),
          compare,
          register: (partitions) => this.register(partitions),
        },
        this.#closing.signal,
      );
      ended = { ...begun, state: 'COMPLETED', endedAt: clock.now(), ...outcome };
    } catch (error) {
      const nothing = { partitionsCreated: 0, empty: [], drift: [] };
      const listed = isFirst ? 'everything' : 'changes';
      const message = errorText(error);
      ended = { ...begun, state: 'FAILED', endedAt: clock.now(), listed, ...nothing, error: message };
    }
    if (this.#closing.signal.aborted) return;
    this.#remember(ended);
    await this.#journal.append({ type: 'crawled', crawl: ended });
    await this.#options.publish(this.#stateChange(ended));
  }

  #remember(ended: Crawl): void {
    const history = this.#crawlers.get(ended.crawler)?.history;
    if (history === undefined) return;
    history.push(ended);
    if (history.length > REMEMBERED) history.shift();
  }

  #replay(entry: GlueEntry): void {
    if (entry.type === 'registered') for (const partition of entry.partitions) this.catalog.add(partition);
    else if (entry.type === 'removed') this.catalog.remove(entry, entry.values);
    else if (entry.type === 'crawled') this.#remember(entry.crawl);
    else this.catalog.apply(entry);
  }

  *#snapshot(): Iterable<GlueEntry> {
    // Before the partitions, since a new table has none.
    yield* this.catalog.changes();
    for (const partition of this.catalog.allPartitions())
      yield { type: 'registered', partitions: [partition] };
    for (const { history } of this.#crawlers.values())
      for (const each of history) yield { type: 'crawled', crawl: each };
  }

  /** "Amazon EventBridge Events Reference: AWS Glue, Glue Crawler State Change". Counts are strings. */
  #stateChange(ended: Crawl): BusEvent {
    const { region, accountId, ids } = this.#options;
    const failed = ended.state === 'FAILED';
    return {
      version: '0',
      id: ids(),
      'detail-type': 'Glue Crawler State Change',
      source: 'aws.glue',
      account: accountId,
      time: eventTime(ended.endedAt),
      region,
      resources: [],
      detail: {
        accountId,
        crawlerName: ended.crawler,
        state: failed ? 'Failed' : 'Succeeded',
        ...(failed
          ? { errorMessage: ended.error ?? '', message: 'Internal Service Exception' }
          : {
              message: 'The crawler executed successfully',
              warningMessage: ended.drift.length === 0 ? 'N/A' : ended.drift.join('\n'),
              tablesCreated: '0',
              tablesUpdated: '0',
              tablesDeleted: '0',
              partitionsCreated: `${ended.partitionsCreated}`,
              partitionsUpdated: '0',
              partitionsDeleted: '0',
            }),
      },
    };
  }
}

const declaredTwice = ({ database, name }: Table) =>
  new StateRefused(
    `The program describes the table ${database}.${name}, but a call of CreateTable made one of this name: on AWS, the deployment would fail with AlreadyExistsException. Remove the table from the program; or start the program as it was, delete the table with "aws glue delete-table --database-name ${database} --name ${name}", and start again; or choose another --directory.`,
  );
