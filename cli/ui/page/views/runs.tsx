import { useState } from 'preact/hooks';
import { duration } from '../../../terminal/units.ts';
import type { Tone } from '../../api.ts';
import type { Overview, Run } from '../../overview.ts';
import { post, useAnswer } from '../fetching.ts';
import { Ago, Badge, Command, Empty, Outside, Problem, useQuestion } from '../parts.tsx';

const LOOK_MS = 2_000;
const toneOf = (status: string): Tone =>
  status === 'RUNNING' ? 'working' : status === 'SUCCEEDED' ? 'done' : 'failed';

export function Runs({ overview }: { readonly overview: Overview | undefined }) {
  const { data: runs, error, again } = useAnswer<Run[]>('/runs', LOOK_MS);
  const [prefix, setPrefix] = useState('');
  const [isDry, setIsDry] = useState(true);
  const { ask, dialog } = useQuestion(again);
  const start = (event: Event) => {
    event.preventDefault();
    ask({
      title: isDry ? 'Count what a backfill would send?' : 'Start a backfill?',
      text: `${isDry ? 'Counts' : 'Sends'} the objects ${prefix === '' ? 'of the whole raw bucket' : `under ${prefix}`} that are not processed yet. It goes on when this page is closed.`,
      action: 'Start',
      run: async () => {
        const { name } = await post<{ name: string }>('/backfill', { prefix, dryRun: isDry });
        return `Started the execution ${name}.`;
      },
    });
  };
  return (
    <>
      <h1>Runs</h1>
      <p class="lead">Backfills and replays of many objects. They run on their own, in Step Functions.</p>
      <form class="tools" onSubmit={start}>
        <label>
          Prefix{' '}
          <input
            list="prefixes"
            value={prefix}
            placeholder="the whole bucket"
            onInput={(event) => setPrefix(event.currentTarget.value)}
          />
        </label>
        <datalist id="prefixes">
          {overview?.datasets.map(({ name, prefix: of }) => (
            <option key={name} value={of} />
          ))}
        </datalist>
        <label>
          <input
            type="checkbox"
            checked={isDry}
            onChange={(event) => setIsDry(event.currentTarget.checked)}
          />{' '}
          only count
        </label>
        <button type="submit">Backfill …</button>
      </form>
      <Problem error={error} />
      {runs?.length === 0 && (
        <Empty title="There was no backfill or replay yet.">
          <p>
            A backfill processes objects whose events were never sent:{' '}
            <Command text="npx sluice backfill PREFIX" />
          </p>
        </Empty>
      )}
      {runs !== undefined && runs.length > 0 && (
        <table>
          <thead>
            <tr>
              <th>Execution</th>
              <th>Kind</th>
              <th>State</th>
              <th>Started</th>
              <th class="number">Took</th>
            </tr>
          </thead>
          <tbody>
            {runs.map(({ name, machine, status, startedAt, endedAt, progress, error: why }) => (
              <tr key={name}>
                <td>
                  {name}
                  {why !== undefined && (
                    <div class="fine">
                      <Outside text={why.slice(0, 300)} />
                    </div>
                  )}
                </td>
                <td>{machine}</td>
                <td>
                  <Badge tone={toneOf(status)}>{status.toLowerCase().replaceAll('_', ' ')}</Badge>{' '}
                  {progress !== undefined && <span class="fine">{progress}</span>}
                </td>
                <td>
                  <Ago at={startedAt} />
                </td>
                <td class="number" data-label="took">
                  {duration((endedAt ?? Date.now()) - startedAt)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {dialog}
    </>
  );
}
