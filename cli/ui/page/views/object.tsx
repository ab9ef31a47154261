import { useState } from 'preact/hooks';
import type { RecordTrace } from '../../../ledger/explain-record.ts';
import { bytes, count, duration, integer } from '../../../terminal/units.ts';
import type { Replay } from '../../actions.ts';
import type { HistoryAnswer, RejectsAnswer } from '../../api.ts';
import type { Overview } from '../../overview.ts';
import { get, post, query, useAnswer } from '../fetching.ts';
import { Badge, Command, LongText, Outside, Problem, useQuestion } from '../parts.tsx';
import { RejectList } from './rejects.tsx';

const LOOK_MS = 3_000;

/** An object: its state, its timeline, its rejects, and what became of one record. */
export function ObjectPage({ name, stack }: { readonly name: string; readonly stack: Overview | undefined }) {
  const { data: history, error, again } = useAnswer<HistoryAnswer>(`/object${query({ key: name })}`, LOOK_MS);
  const rejected = history?.state?.rejectedInAll ?? 0;
  const { data: rejects } = useAnswer<RejectsAnswer>(
    rejected > 0 ? `/rejects${query({ key: name })}` : undefined,
    LOOK_MS * 3,
  );
  const { ask, dialog } = useQuestion(again);
  const onAws = stack === undefined || stack.local ? '' : ` --stack ${stack.stack}`;
  const state = history?.state;
  const replay = () =>
    ask({
      title: 'Reprocess this object?',
      text: `${name} is processed again by the deployed code. Its rows stay until the new ones are complete.`,
      action: 'Reprocess',
      run: async () => {
        const { sent, skipped } = await post<Replay>('/replay', { keys: [name] });
        const [first] = skipped;
        return sent > 0
          ? 'It is on its way.'
          : `It was not sent: ${first?.why.replaceAll('_', ' ') ?? 'unknown'}.`;
      },
    });
  return (
    <>
      <p class="fine">
        <a href="#/objects">Objects</a> /
      </p>
      <h1 class="key">
        <Outside text={name} />
      </h1>
      <Problem error={error} />
      {history !== undefined && (
        <>
          <section class="card">
            {state === undefined ? (
              <p>The raw bucket has no version of it.</p>
            ) : (
              <>
                <p>
                  <Badge tone={state.tone}>{state.text}</Badge>{' '}
                  <span class="fine">
                    {integer(state.read)} read = {integer(state.written)} written +{' '}
                    {integer(state.filteredInAll)} filtered + {integer(rejected)} rejected
                  </span>
                </p>
                {state.why !== undefined && (
                  <p>
                    <Outside text={state.why} />
                  </p>
                )}
              </>
            )}
            {history.unreadable.map((message) => (
              <Problem key={message} error={new Error(message)} />
            ))}
            <div class="actions">
              <button type="button" onClick={replay}>
                Reprocess …
              </button>
              <Command text={`npx sluice explain ${quoted(name)}${onAws}`} />
            </div>
          </section>
          <Timeline history={history} />
          <Work history={history} />
          {rejects !== undefined && rejects.records > 0 && (
            <section class="card">
              <h2>{count(rejects.records, 'rejected record')}</h2>
              <RejectList answer={rejects} withKey={false} />
            </section>
          )}
          <RecordLookup name={name} />
        </>
      )}
      {dialog}
    </>
  );
}

const quoted = (text: string) =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

const shortVersion = (name: string | undefined) => {
  if (name === undefined) return '';
  const [id = '', revision] = name.split('!');
  return `${id.slice(0, 8)}${revision === undefined ? '' : `!${revision}`}`;
};

function Timeline({ history: { moments, versions, logsComplete } }: { readonly history: HistoryAnswer }) {
  return (
    <section class="card">
      <h2>Timeline</h2>
      <ol class="timeline">
        {moments.map(({ at, stage, what, versionId, rounded }, i) => {
          const size =
            stage === undefined ? versions.find((each) => each.versionId === versionId)?.size : undefined;
          const time = new Date(at).toISOString();
          return (
            <li key={`${i} ${at} ${what}`} class={stage ?? 'raw'}>
              <time dateTime={time}>{time.slice(0, rounded ? 19 : 23).replace('T', ' ')}</time>
              <strong>{stage ?? 'raw bucket'}</strong>
              <span>
                <Outside text={what} />
                {size !== undefined && `, ${bytes(size)}`}
                {versionId !== undefined && <span class="fine"> version {shortVersion(versionId)}</span>}
              </span>
            </li>
          );
        })}
      </ol>
      {!logsComplete && <p class="fine">Some log lines were not read: there are too many.</p>}
    </section>
  );
}

function Work({ history: { work } }: { readonly history: HistoryAnswer }) {
  if (work.length === 0) return null;
  return (
    <section class="card">
      <h2>Work</h2>
      <table>
        <thead>
          <tr>
            <th>Version</th>
            <th>Stage</th>
            <th class="number">Items</th>
            <th class="number">Waited</th>
            <th class="number">Took</th>
            <th class="number">Work</th>
          </tr>
        </thead>
        <tbody>
          {work.map(({ versionId, stage, pieces, waitedMs, tookMs, workMs }) => (
            <tr key={`${versionId} ${stage}`}>
              <td>{shortVersion(versionId)}</td>
              <td>{stage}</td>
              <td class="number" data-label="items">
                {integer(pieces)}
              </td>
              <td class="number" data-label="waited">
                {waitedMs === undefined ? '–' : duration(waitedMs)}
              </td>
              <td class="number" data-label="took">
                {duration(tookMs)}
              </td>
              <td class="number" data-label="work">
                {duration(workMs)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function RecordLookup({ name }: { readonly name: string }) {
  const [number, setNumber] = useState('1');
  const [found, setFound] = useState<{ trace?: RecordTrace; error?: Error }>({});
  const look = async (event: Event) => {
    event.preventDefault();
    try {
      setFound({ trace: await get<RecordTrace>(`/record${query({ key: name, record: number })}`) });
    } catch (error) {
      setFound({ error: error as Error });
    }
  };
  const { trace } = found;
  return (
    <section class="card">
      <h2>What became of a record?</h2>
      <form class="tools" onSubmit={look}>
        <label>
          Record number{' '}
          <input
            type="number"
            min="1"
            required
            value={number}
            onInput={(event) => setNumber(event.currentTarget.value)}
          />
        </label>
        <button type="submit">Look</button>
      </form>
      <Problem error={found.error} />
      {trace !== undefined && (
        <dl class="facts">
          {trace.input !== undefined && <Fact name="was sent as" text={trace.input} />}
          {trace.stored !== undefined && 'row' in trace.stored && (
            <>
              <Fact name="became the row" text={JSON.stringify(trace.stored.row)} />
              <Fact name="in" text={trace.stored.file} />
            </>
          )}
          {trace.stored !== undefined && 'reject' in trace.stored && (
            <Fact
              name={`was rejected, ${trace.stored.reject.code}`}
              text={`${trace.stored.reject.path} ${trace.stored.reject.message}`.trim()}
            />
          )}
          {trace.stored === undefined && (
            <Fact
              name="has no row"
              text={
                trace.here !== undefined && 'filtered' in trace.here
                  ? `It was filtered: ${trace.here.filtered}`
                  : 'It is not in this version, or is not processed yet.'
              }
            />
          )}
        </dl>
      )}
    </section>
  );
}

function Fact({ name, text }: { readonly name: string; readonly text: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <LongText text={text} />
      </dd>
    </div>
  );
}
