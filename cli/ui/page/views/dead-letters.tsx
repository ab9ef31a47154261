import { age, count } from '../../../terminal/units.ts';
import type { DeadLetters as Answer, Redrive } from '../../actions.ts';
import type { Overview } from '../../overview.ts';
import { post, useAnswer } from '../fetching.ts';
import { Badge, Command, Empty, ObjectLink, Outside, Problem, useQuestion } from '../parts.tsx';

const SHOWN = 20;
const standings = {
  open: '',
  done: 'already done: nothing is left to do',
  superseded: 'superseded by a newer version',
} as const;

/** Reading is receiving, so this view reads when it is opened and on request, not by itself. */
export function DeadLetters({ overview }: { readonly overview: Overview | undefined }) {
  const { data, error, again } = useAnswer<Answer>('/dead-letters');
  const { ask, dialog } = useQuestion(again);
  const there = overview?.dead;
  const redrive = (title: string, body: object, most: number) =>
    ask({
      title,
      text: `${count(most, 'message')} go back to their stages. A message that fails again comes back here. Mend the cause first.`,
      action: 'Redrive',
      run: async () => {
        const { sent } = await post<Redrive>('/redrive', body);
        return `${count(sent, 'message')} sent back.`;
      },
    });
  const groups = data?.groups ?? [];
  return (
    <>
      <h1>Dead letters</h1>
      <p class="lead">
        Messages whose last attempt failed, and events that EventBridge could not deliver, by reason.
      </p>
      <div class="tools">
        <button type="button" onClick={again}>
          Read again
        </button>
        {data !== undefined && data.messages > 0 && (
          <button type="button" onClick={() => redrive('Redrive everything?', {}, data.messages)}>
            Redrive all {data.messages} …
          </button>
        )}
        {there !== undefined && data !== undefined && there !== data.messages && (
          <span class="fine">The queues hold {there} now.</span>
        )}
      </div>
      <Problem error={error} />
      {data !== undefined && groups.length === 0 && data.unseen === 0 && (
        <Empty title="Nothing is dead-lettered." />
      )}
      {data !== undefined && data.unseen > 0 && (
        <p class="fine">
          About {count(data.unseen, 'more message')} can’t be read now: somebody else is reading them.
        </p>
      )}
      {groups.map(({ stage, place, code, standing, reason, otherReasons, letters }) => (
        <section class="card" key={`${stage} ${place} ${code} ${standing}`}>
          <h2>
            <Badge tone="failed">{code}</Badge> {count(letters.length, 'message')}, {stage},{' '}
            {place === 'dlq' ? 'DLQ' : 'undelivered'}
          </h2>
          <p>
            <Outside text={reason} />
            {otherReasons > 0 && ` (and ${count(otherReasons, 'other reason')})`}
            {standing !== 'open' && ` It is ${standings[standing]}.`}
          </p>
          <div class="actions">
            <button
              type="button"
              onClick={() =>
                redrive(
                  `Redrive ${code} of the ${stage}?`,
                  { stage, messages: letters.map(({ id }) => id) },
                  letters.length,
                )
              }
            >
              Redrive these …
            </button>
            <Command text={`npx sluice redrive ${stage} --code ${code}`} />
          </div>
          <table>
            <thead>
              <tr>
                <th>Object</th>
                <th class="number">Attempts</th>
                <th>Failed last</th>
                <th>Expires in</th>
              </tr>
            </thead>
            <tbody>
              {letters.slice(-SHOWN).map(({ id, key, attempts, lastFailure, expiresAt }) => (
                <tr key={id}>
                  <td>
                    {key === undefined ? <span class="fine">message {id}</span> : <ObjectLink name={key} />}
                  </td>
                  <td class="number" data-label="attempts">
                    {attempts}
                  </td>
                  <td data-label="failed">
                    {lastFailure === undefined ? '–' : `${age(Date.now() - lastFailure)} ago`}
                  </td>
                  <td data-label="expires in">{age(expiresAt - Date.now())}</td>
                </tr>
              ))}
            </tbody>
          </table>
          {letters.length > SHOWN && <p class="fine">The newest {SHOWN}.</p>}
        </section>
      ))}
      {dialog}
    </>
  );
}
