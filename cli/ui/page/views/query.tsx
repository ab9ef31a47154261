import { useState } from 'preact/hooks';
import { count, duration } from '../../../terminal/units.ts';
import type { QueryAnswer, TableAnswer } from '../../api.ts';
import type { Overview } from '../../overview.ts';
import { post, useAnswer } from '../fetching.ts';
import { Empty, LongText, Outside, Problem } from '../parts.tsx';

/** SQL in the address is put into the box; only a person runs it. */
const fromAddress = () => {
  const [, text = ''] = /^#\/query\/(.*)$/.exec(location.hash) ?? [];
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
};

/** So many tables, those of the archive included, are shown with their columns at first. */
const MOST_OPEN = 6;

export function Query({ overview }: { readonly overview: Overview | undefined }) {
  const first = overview?.datasets[0]?.name ?? 'recipes';
  const [sql, setSql] = useState(() => fromAddress() || `select count(*) from ${first}`);
  const [state, setState] = useState<{ busy?: boolean; answer?: QueryAnswer; error?: Error }>({});
  const { data: tables, error } = useAnswer<TableAnswer[]>('/tables');
  const run = async () => {
    setState({ busy: true });
    try {
      setState({ answer: await post<QueryAnswer>('/query', { sql }) });
    } catch (caught) {
      setState({ error: caught as Error });
    }
  };
  const { answer } = state;
  return (
    <>
      <h1>Query</h1>
      <div class="split">
        <div>
          <form
            onSubmit={(event) => {
              event.preventDefault();
              void run();
            }}
          >
            <label for="sql">SQL over the lake</label>
            <textarea
              id="sql"
              rows={6}
              spellcheck={false}
              value={sql}
              onInput={(event) => setSql(event.currentTarget.value)}
              onKeyDown={(event) => {
                if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
                event.preventDefault();
                void run();
              }}
            />
            <div class="actions">
              <button type="submit" class="primary" disabled={state.busy === true}>
                {state.busy ? 'Running …' : 'Run'}
              </button>
              <span class="fine">
                Ctrl+Enter.{' '}
                {overview?.local === false
                  ? 'Runs where npx sluice query would.'
                  : 'Runs in DuckDB, on this machine.'}
              </span>
            </div>
          </form>
          <Problem error={state.error} />
          {answer !== undefined && <Result answer={answer} />}
        </div>
        <aside aria-label="Tables">
          <h2>Tables</h2>
          <Problem error={error} />
          {tables?.map(({ name, isArchive, columns }) => (
            <details key={name} open={!isArchive && tables.length <= MOST_OPEN}>
              <summary>{name}</summary>
              <button type="button" class="link" onClick={() => setSql(`select * from ${name} limit 100`)}>
                select * from {name}
              </button>
              <dl class="columns">
                {columns.map((column) => (
                  <div key={column.name}>
                    <dt>{column.name}</dt>
                    <dd>{column.type}</dd>
                  </div>
                ))}
              </dl>
            </details>
          ))}
        </aside>
      </div>
    </>
  );
}

function Result({ answer: { columns, rows, cut, notes, tookMs } }: { readonly answer: QueryAnswer }) {
  return (
    <section aria-label="Result">
      <p class="fine" role="status">
        {cut ? `The first ${count(rows.length, 'row')}; there are more` : count(rows.length, 'row')},{' '}
        {duration(tookMs)}
      </p>
      {notes.map((note) => (
        <p key={note} class="fine">
          <Outside text={note} />
        </p>
      ))}
      {rows.length === 0 ? (
        <Empty title="No rows." />
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: who has no mouse scrolls it by the keyboard.
        <section class="scroll" tabIndex={0} aria-label="Rows">
          <table class="result">
            <thead>
              <tr>
                {columns.map(({ name, numeric }) => (
                  <th key={name} class={numeric ? 'number' : ''}>
                    <Outside text={name} />
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((row, i) => (
                <tr key={i}>
                  {row.map((value, at) => (
                    <td key={columns[at]?.name} class={columns[at]?.numeric ? 'number' : ''}>
                      <Value value={value} />
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </section>
  );
}

function Value({ value }: { readonly value: unknown }) {
  if (value === null || value === undefined) return <span class="fine">null</span>;
  return <LongText text={typeof value === 'string' ? value : JSON.stringify(value)} />;
}
