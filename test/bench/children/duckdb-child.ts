// Does the recipes' cleaning in DuckDB's SQL on one thread: node duckdb-child.ts <input.ndjson.gz> <output
// directory>
import { DuckDBInstance } from '@duckdb/node-api';

const [, , input = '', output = ''] = process.argv;

// One search of a direction finds its times, e.g. "35 minutes"; the short texts found are then taken apart.
// The quickest of the ways that were tried.
const sql = String.raw`copy (
  select *, case when complexity_score < 4 then 'easy' when complexity_score < 8 then 'medium' else 'hard' end as difficulty
  from (
    select
      substr(sha256(concat(number, chr(10), 'recipes/input.ndjson.gz')), 1, 32) as recipe_id,
      title, ingredients, directions, coalesce(tags, []) as tags,
      (6 * len(directions) + 4 * len(ingredients)) / 10 as complexity_score,
      list_sum(list_transform(directions, direction -> coalesce(list_sum(list_transform(
        regexp_extract_all(direction, '\d+(?:[.,]\d+)?[\s-]*(?:hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)\b', 0, 'i'),
        found -> replace(regexp_extract(found, '^[\d.,]+'), ',', '.')::double
          * case lower(regexp_extract(found, '[a-zA-Z]')) when 'h' then 3600 when 'm' then 60 else 1 end)), 300)))::int
        as time_estimate_s
    from (
      select *, row_number() over () as number
      from read_json('${input}', format = 'newline_delimited', compression = 'gzip', ignore_errors = true,
        columns = {title: 'VARCHAR', ingredients: 'VARCHAR[]', directions: 'VARCHAR[]', tags: 'VARCHAR[]'})
    )
    where trim(title) <> '' and len(ingredients) > 0 and len(directions) > 0
      and len(list_filter(ingredients, text -> text is null or trim(text) = '')) = 0
      and len(list_filter(directions, text -> text is null or trim(text) = '')) = 0
  )
) to '${output}' (format parquet, compression zstd, partition_by (difficulty), overwrite_or_ignore true)`;

const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
const connection = await instance.connect();
const cpu = process.cpuUsage();
const startedAt = performance.now();
await connection.run(sql);
const ms = performance.now() - startedAt;
const { user, system } = process.cpuUsage(cpu);
const counted = await connection.runAndReadAll(
  `select count(*), sum(time_estimate_s) from read_parquet('${output}/**/*.parquet')`,
);
const [rows, timeSum] = counted.getRows()[0] ?? [];
console.log(
  JSON.stringify({ ms, cpuMs: (user + system) / 1000, rows: Number(rows), timeSum: Number(timeSum) }),
);
