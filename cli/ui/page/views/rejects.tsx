import { useState } from 'preact/hooks';
import { count, integer } from '../../../terminal/units.ts';
import type { Replay } from '../../actions.ts';
import type { RejectsAnswer } from '../../api.ts';
import type { Overview } from '../../overview.ts';
import { post, query, useAnswer } from '../fetching.ts';
import { Command, Empty, LongText, ObjectLink, Outside, Problem, useQuestion } from '../parts.tsx';

const LOOK_MS = 10_000;

export function Rejects({ overview }: { readonly overview: Overview | undefined }) {
  const [code, setCode] = useState('');
  const [dataset, setDataset] = useState('');
  const { data, error, again } = useAnswer<RejectsAnswer>(`/rejects${query({ dataset })}`, LOOK_MS);
  const { data: ofCode } = useAnswer<RejectsAnswer>(
    code === '' ? undefined : `/rejects${query({ code, dataset })}`,
    LOOK_MS,
  );
  const { ask, dialog } = useQuestion(again);
  const shown = code === '' ? data : ofCode;
  const replay = () =>
    ask({
      title: `Replay what was rejected as ${code}?`,
      text: 'Objects that an earlier version of the code rejected are processed again by the deployed one. Others are skipped.',
      action: 'Replay',
      run: async () => {
        const { sent, skipped } = await post<Replay>('/replay', {
          codes: [code],
          ...(dataset !== '' && { dataset }),
        });
        const rest =
          skipped.length === 0
            ? ''
            : ` ${count(skipped.length, 'object')} skipped: the deployed code has already processed them.`;
        return `${count(sent, 'object')} sent.${rest}`;
      },
    });
  return (
    <>
      <h1>Rejects</h1>
      <p class="lead">Records that are wrong. The other records of their files went on.</p>
      <div class="tools">
        <label>
          Dataset{' '}
          <select value={dataset} onChange={(event) => setDataset(event.currentTarget.value)}>
            <option value="">all</option>
            {overview?.datasets.map(({ name }) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <fieldset class="chips">
          <legend class="visually-hidden">Why</legend>
          <button type="button" aria-pressed={code === ''} onClick={() => setCode('')}>
            All {integer(data?.records ?? 0)}
          </button>
          {data?.codes.map(({ code: of, records }) => (
            <button key={of} type="button" aria-pressed={code === of} onClick={() => setCode(of)}>
              {of} {integer(records)}
            </button>
          ))}
        </fieldset>
        {code !== '' && (
          <button type="button" onClick={replay}>
            Replay these …
          </button>
        )}
      </div>
      <Problem error={error} />
      {shown !== undefined && shown.records === 0 ? (
        <Empty title="No record is rejected.">
          <p>When one is, this says which, why, and what was sent.</p>
        </Empty>
      ) : (
        shown !== undefined && <RejectList answer={shown} withKey />
      )}
      {shown !== undefined && shown.rejects.length < shown.records && (
        <p class="fine">
          The first {integer(shown.rejects.length)} of {integer(shown.records)}. All of them:{' '}
          <Command text={`npx sluice rejects${code === '' ? '' : ` --code ${code}`} --record --json`} />
        </p>
      )}
      {dialog}
    </>
  );
}

/** A line of CSV is kept as a JSON string; it is shown as the line. */
function asSent(record: string): string {
  if (!record.startsWith('"')) return record;
  try {
    return String(JSON.parse(record));
  } catch {
    return record;
  }
}

export function RejectList({
  answer,
  withKey,
}: {
  readonly answer: RejectsAnswer;
  readonly withKey: boolean;
}) {
  return (
    <>
      {answer.problems.map((problem) => (
        <Problem key={problem} error={new Error(problem)} />
      ))}
      <ul class="rejects">
        {answer.rejects.map(
          ({ key, versionId, stage, recordNumber, code, path, message, record, excerpt }) => (
            <li key={`${key} ${versionId} ${stage} ${recordNumber} ${code} ${path}`}>
              <p>
                {withKey && <ObjectLink name={key} />}{' '}
                <span class="fine">
                  record {integer(recordNumber)}, {stage}
                </span>
              </p>
              <p>
                <strong class="code">{code}</strong>{' '}
                <Outside text={path === '' ? message : `${path}: ${message}`} />
              </p>
              {record !== undefined ? (
                <LongText text={asSent(record)} />
              ) : (
                <p class="fine">
                  {excerpt === undefined ? 'What was sent is no text.' : <LongText text={excerpt} />}
                </p>
              )}
            </li>
          ),
        )}
      </ul>
    </>
  );
}
