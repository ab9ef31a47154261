import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { queryLake } from '../../cli/lake/lake.ts';
import { recipes } from '../../datasets/recipes.ts';
import { withOrigin } from '../../domain/columns.ts';
import { dataKey, versionPath } from '../../domain/versions/key-layout.ts';
import type { StoredObject } from '../../domain/versions/receipt.ts';
import { fieldIds } from '../../formats/iceberg/schema/fields.ts';
import { statisticsOf } from '../../formats/iceberg/values/file-statistics.ts';
import { newLakeFile } from '../../formats/lake-file.ts';
import { compact } from '../../lake/compaction/compact.ts';
import { asTheyCome } from '../../lake/compaction/plan.ts';
import { FileCache } from '../../lake/file-cache.ts';
import { glueCatalog } from '../../lake/glue-catalog.ts';
import { Conflict, IcebergTable } from '../../lake/iceberg-table.ts';
import { recordedSchemas } from '../../lake/table-schema.ts';
import layouts from '../../mysql/migrations/lake.json' with { type: 'json' };
import { type ObjectStore, s3ObjectStore } from '../../store/object-store.ts';
import { BenchPipeline } from './pipeline.ts';
import { type Section, seconds, thousands } from './section.ts';

const OBJECTS = 10_000;
const RECORDS = 10;
/** Of one commit. */
const BATCH = 500;
const WRITES_AT_ONCE = 16;
const difficulties = ['easy', 'medium', 'hard'] as const;
const QUERY = 'select difficulty, count(*), sum(time_estimate_s) from recipes group by 1 order by 1';

/** Many small objects, before and after their files are compacted. */
export const compaction: Section = {
  name: 'compaction',
  onRequest: true,
  async run({ directory, onProgress }) {
    const pipeline = await BenchPipeline.start(join(directory, 'compaction'));
    try {
      const { target } = pipeline;
      const store = s3ObjectStore(target.s3);
      const bucket = target.outputs.buckets.processed;
      const schema = recordedSchemas(layouts)(recipes);
      const catalog = glueCatalog(target.outputs.catalog.database, target.glue);
      const cache = new FileCache();
      const table = new IcebergTable({
        dataset: recipes,
        schema,
        bucket,
        store,
        catalog,
        now: Date.now,
        cache,
      });
      for (let from = 0; from < OBJECTS; from += BATCH) {
        onProgress(`${thousands(from)} of ${thousands(OBJECTS)} objects`);
        const limit = pLimit(WRITES_AT_ONCE);
        const numbers = Array.from({ length: BATCH }, (_, i) => from + i);
        await append(table, await Promise.all(numbers.map((n) => limit(() => write(n, store, bucket)))));
      }
      const ask = () => queried(() => queryLake(target, QUERY, () => {}));
      onProgress('the query before');
      const [before, beforeAgain] = [await ask(), await ask()];
      onProgress('the compaction');
      const made = await queried(() =>
        compact(table, { policy: asTheyCome, hasTime: () => true, wait: async () => {}, uuid: randomUUID }),
      );
      onProgress('the query after');
      const [after, afterAgain] = [await ask(), await ask()];
      if (JSON.stringify(before.answer.rows) !== JSON.stringify(after.answer.rows))
        throw new Error('The table has other rows after its compaction.');
      const { files, into } = made.answer;
      return {
        title: `Compaction of ${thousands(OBJECTS)} small objects`,
        columns: ['', 'files', 'first query', 'again', 'processor time of that'],
        rows: [
          [
            'before',
            thousands(files),
            seconds(before.ms),
            seconds(beforeAgain.ms),
            seconds(beforeAgain.cpuMs),
          ],
          ['after', thousands(into), seconds(after.ms), seconds(afterAgain.ms), seconds(afterAgain.cpuMs)],
        ],
        notes: [
          `${RECORDS} recipes each, of one of ${difficulties.length} partitions, in the S3 of the local cloud. The query is \`${QUERY}\`, with DuckDB on this machine; the first one fetches the files. The compaction itself took ${seconds(made.ms)}, ${seconds(made.cpuMs)} of the processor.`,
          'DuckDB takes 0.2 ms of the processor to open a file, whatever its settings, so that only compaction makes a query of many small files fast.',
        ],
        values: { files, into, before: beforeAgain.cpuMs, after: afterAgain.cpuMs },
      };
    } finally {
      await pipeline.close();
    }
  },
};

/** Writes the file of one object as the transformation does. */
async function write(n: number, store: ObjectStore, bucket: string): Promise<StoredObject> {
  const key = `recipes/small/${n}.ndjson`;
  const difficulty = difficulties[n % difficulties.length] as string;
  const file = newLakeFile(recipes, 'parquet', {}, fieldIds(recordedSchemas(layouts)(recipes).schema));
  for (let record = 1; record <= RECORDS; record += 1) {
    const row = {
      recipe_id: randomUUID(),
      title: `Recipe ${n}-${record}`,
      ingredients: ['water', `salt ${record}`],
      directions: Array.from({ length: 4 }, (_, i) => `Step ${i}: stir ${n % 97} times, then wait.`),
      tags: [],
      complexity_score: (n % 100) / 10,
      difficulty,
      time_estimate_s: 60 * record,
    };
    file.add(withOrigin(row, { key, versionId: 'v1' }, record));
  }
  const body = file.finish();
  const path = versionPath({ dataset: recipes.name, key, versionId: 'v1' });
  const name = { codeVersion: 'bench', extension: 'parquet' };
  const at = dataKey(path, 0, `difficulty=${difficulty}/`, name);
  await store.write({ bucket, key: at, body, contentType: '' });
  const statistics = file.statistics && statisticsOf(file.statistics());
  return { key: at, records: RECORDS, bytes: body.length, ...(statistics && { statistics }) };
}

async function append(table: IcebergTable, added: readonly StoredObject[]): Promise<void> {
  const snapshot = await table.commit(await table.read(), { added, removed: [] });
  if (snapshot instanceof Conflict) await append(table, added);
}

async function queried<Answer>(work: () => Promise<Answer>) {
  const begunAt = performance.now();
  const cpu = process.cpuUsage();
  const answer = await work();
  const { user, system } = process.cpuUsage(cpu);
  return { answer, ms: performance.now() - begunAt, cpuMs: (user + system) / 1000 };
}
