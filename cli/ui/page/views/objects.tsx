import { useState } from 'preact/hooks';
import { bytes, count, integer } from '../../../terminal/units.ts';
import type { ShownState } from '../../api.ts';
import type { Mark, ObjectsPage } from '../../objects.ts';
import { query, useAnswer } from '../fetching.ts';
import { Ago, Badge, Command, Empty, ObjectLink, Outside, Problem } from '../parts.tsx';

const PAGE = 25;
const LOOK_MS = 2_000;
const filters: readonly (readonly [mark: Mark | '', text: string])[] = [
  ['', 'All'],
  ['rejects', 'With rejects'],
  ['faults', 'Failed'],
  ['attempts', 'Retried'],
  ['gave-up', 'Dead-lettered'],
];

export function Objects() {
  const [search, setSearch] = useState('');
  const [mark, setMark] = useState<Mark | ''>('');
  const [offset, setOffset] = useState(0);
  const path = `/objects${query({ search, mark, offset, limit: PAGE })}`;
  const { data: page, error } = useAnswer<ObjectsPage>(path, LOOK_MS);
  const keys = page?.objects.map(({ key }) => key) ?? [];
  const { data: states } = useAnswer<ShownState[]>(keys.length > 0 ? '/states' : undefined, LOOK_MS, {
    keys,
  });
  const stateOf = (key: string) => states?.find((state) => state.key === key);
  const found = page?.found ?? 0;
  return (
    <>
      <h1>Objects</h1>
      <div class="tools">
        <label>
          <span class="visually-hidden">Search in keys</span>
          <input
            type="search"
            placeholder="Search in keys"
            value={search}
            onInput={(event) => {
              setSearch(event.currentTarget.value);
              setOffset(0);
            }}
          />
        </label>
        <fieldset class="chips">
          <legend class="visually-hidden">Which objects</legend>
          {filters.map(([of, text]) => (
            <button
              key={of}
              type="button"
              aria-pressed={mark === of}
              onClick={() => {
                setMark(of);
                setOffset(0);
              }}
            >
              {text}
            </button>
          ))}
        </fieldset>
      </div>
      <Problem error={error} />
      {page !== undefined && page.objects.length === 0 ? (
        <Empty
          title={
            page.total === 0
              ? 'The raw bucket holds no objects.'
              : `None of ${count(page.total, 'object')} fits${search === '' ? '' : ` “${search}”`}.`
          }
        >
          {page.total === 0 && (
            <p>
              <a href="#/">Drop a file</a>, or: <Command text="npx sluice put FILE" />
            </p>
          )}
        </Empty>
      ) : (
        <table>
          <thead>
            <tr>
              <th>Object</th>
              <th>State</th>
              <th class="number">Read</th>
              <th class="number">Written</th>
              <th class="number">Filtered</th>
              <th class="number">Rejected</th>
              <th class="number">Size</th>
              <th>Changed</th>
            </tr>
          </thead>
          <tbody>
            {page?.objects.map(({ key, size, modified, deleted }) => {
              const state = stateOf(key);
              return (
                <tr key={key}>
                  <td>
                    <ObjectLink name={key} />
                    {state?.why !== undefined && (
                      <div class="fine">
                        <Outside text={state.why.slice(0, 300)} />
                      </div>
                    )}
                  </td>
                  <td>{state === undefined ? '…' : <Badge tone={state.tone}>{state.text}</Badge>}</td>
                  <td class="number" data-label="read">
                    {state && integer(state.read)}
                  </td>
                  <td class="number" data-label="written">
                    {state && integer(state.written)}
                  </td>
                  <td class="number" data-label="filtered">
                    {state && integer(state.filteredInAll)}
                  </td>
                  <td class="number" data-label="rejected">
                    {state && integer(state.rejectedInAll)}
                  </td>
                  <td class="number wide short">
                    {deleted ? 'deleted' : size === undefined ? '–' : bytes(size)}
                  </td>
                  <td class="wide short">
                    <Ago at={modified} />
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
      {page !== undefined && found > 0 && (
        <nav class="pager" aria-label="Pages">
          <button type="button" disabled={offset === 0} onClick={() => setOffset(Math.max(0, offset - PAGE))}>
            Newer
          </button>
          <span>
            {integer(offset + 1)} to {integer(Math.min(offset + PAGE, found))} of {integer(found)}
            {page.incomplete && ' so far, still listing'}
          </span>
          <button type="button" disabled={offset + PAGE >= found} onClick={() => setOffset(offset + PAGE)}>
            Older
          </button>
        </nav>
      )}
    </>
  );
}
