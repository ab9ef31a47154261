import type { ComponentChildren } from 'preact';
import type { Step } from '../../../../domain/activity/activity.ts';
import { age, count, duration, integer } from '../../../terminal/units.ts';
import type { Tone } from '../../api.ts';
import type { Overview } from '../../overview.ts';
import { useAnswer } from '../fetching.ts';
import { Ago, Badge, Command, Empty, ObjectLink, Outside, Sparkline } from '../parts.tsx';
import { Drop } from './drop.tsx';

type StageView = Overview['stages'][number];

/** What each stage does, for who has never seen it. */
const work: Readonly<Record<StageView['stage'], string>> = {
  extraction: 'splits a file into records and checks each',
  transformation: 'makes rows of them, in files that nobody reads yet',
  commit: 'lets the lake show the whole version at once',
  loading: 'puts its rows into MySQL and the archive',
};

/** The stages that begin when a version is published, each without the other. */
const abreast: readonly StageView['stage'][] = ['commit', 'loading'];

export function Flow({ overview }: { readonly overview: Overview | undefined }) {
  const { data: some } = useAnswer<{ total: number }>('/objects?limit=1', 5_000);
  if (overview === undefined) return <p class="loading">Looking at the pipeline …</p>;
  // What has ended is known sooner than what the bucket lists.
  const isEmpty = some?.total === 0 && overview.activity.recent.length === 0;
  const cards = (isOne: (stage: StageView) => boolean) =>
    overview.stages
      .filter(isOne)
      .map((stage) => <StageCard key={stage.stage} stage={stage} overview={overview} />);
  return (
    <>
      <h1 class="visually-hidden">The pipeline</h1>
      <Verdict overview={overview} isEmpty={isEmpty} />
      <section aria-label="The flow" class="flow">
        <Drop datasets={overview.datasets} total={some?.total} />
        {cards(({ stage }) => !abreast.includes(stage))}
        <div class="abreast">{cards(({ stage }) => abreast.includes(stage))}</div>
        <Tables overview={overview} />
      </section>
      {overview.ringing.length > 0 && <Alarms overview={overview} />}
      <Recent overview={overview} isEmpty={isEmpty} />
    </>
  );
}

/** The state of everything, in a sentence, and what to click. */
function Verdict({ overview, isEmpty }: { readonly overview: Overview; readonly isEmpty: boolean }) {
  const { tone, text, link } = verdictOf(overview, isEmpty);
  return (
    <p class={`verdict ${tone}`} role="status">
      <Badge tone={tone}>{text}</Badge>
      {link}
    </p>
  );
}

function verdictOf(
  { stages, dead, ringing }: Overview,
  isEmpty: boolean,
): { tone: Tone; text: string; link?: ComponentChildren } {
  const waiting = stages.reduce((sum, each) => sum + each.waiting, 0);
  const inFlight = stages.reduce((sum, each) => sum + each.inFlight, 0);
  const failed = stages.find(({ failedInvocations }) => failedInvocations > 0);
  const moving =
    waiting + inFlight === 0
      ? 'Nothing waits'
      : `${count(waiting, 'message')} wait, ${integer(inFlight)} in work`;
  if (dead > 0)
    return {
      tone: 'failed',
      text: `${count(dead, 'message')} could not be processed. ${moving}.`,
      link: <a href="#/dead-letters">See why, and send them back</a>,
    };
  if (ringing.length > 0)
    return { tone: 'failed', text: `${count(ringing.length, 'alarm')} ringing. ${moving}.` };
  if (failed !== undefined)
    return {
      tone: 'rejected',
      text: `${count(failed.failedInvocations, 'call')} of the ${failed.stage} failed in the last ten minutes. ${moving}.`,
    };
  if (waiting + inFlight > 0) return { tone: 'working', text: `${moving}. Nothing failed.` };
  if (isEmpty) return { tone: 'waiting', text: 'Ready. No file has come yet.' };
  return { tone: 'done', text: 'Nothing waits, and no message failed.' };
}

function StageCard({ stage: of, overview }: { readonly stage: StageView; readonly overview: Overview }) {
  const { stage, waiting, inFlight, dead, undelivered, oldestAgeSeconds } = of;
  const { messages, records } = overview.activity.rates[stage];
  const perSecond = (values: readonly number[]) => values.slice(-10).reduce((sum, n) => sum + n, 0) / 10;
  const rate = perSecond(messages);
  const tone: Tone =
    dead + undelivered > 0 ? 'failed' : inFlight > 0 ? 'working' : waiting > 0 ? 'waiting' : 'done';
  return (
    <article class={`stage ${tone}`} aria-label={stage}>
      <h2>{stage}</h2>
      <p class="what">{work[stage]}</p>
      <dl class="depths">
        <div>
          <dt>waiting</dt>
          <dd>{integer(waiting)}</dd>
        </div>
        <div>
          <dt>in work</dt>
          <dd>{integer(inFlight)}</dd>
        </div>
        <div>
          <dt>per second</dt>
          <dd>{rate >= 10 ? integer(Math.round(rate)) : rate.toFixed(1)}</dd>
        </div>
      </dl>
      <Sparkline values={messages} label={`Messages of the ${stage} in each of the last 60 seconds`} />
      <p class="fine">
        {[
          // A commit reads no records: it names the files that have them.
          stage !== 'commit' && `${integer(Math.round(perSecond(records)))} records/s`,
          oldestAgeSeconds !== undefined && `the oldest message ${age(oldestAgeSeconds * 1000)}`,
        ]
          .filter(Boolean)
          .join(', ')}
      </p>
      <a class={`dlq ${dead + undelivered > 0 ? 'failed' : ''}`} href="#/dead-letters">
        {dead + undelivered > 0 ? (
          <Badge tone="failed">
            DLQ {integer(dead)}
            {undelivered > 0 && `, undelivered ${integer(undelivered)}`}
          </Badge>
        ) : (
          'DLQ 0'
        )}
      </a>
    </article>
  );
}

function Tables({ overview: { mysql, crawl, datasets } }: { readonly overview: Overview }) {
  return (
    <article class="stage end" aria-label="tables">
      <h2>tables</h2>
      <p class="what">to query with SQL</p>
      <ul class="sinks">
        {datasets.map(({ name }) => (
          <li key={name}>
            <a href={`#/query/${encodeURIComponent(`select * from ${name} limit 100`)}`}>{name}</a>
          </li>
        ))}
      </ul>
      <p class="fine">
        lake{mysql && ', MySQL'}, archive
        {crawl.waiting > 0 && (
          <>
            <br />
            changes of the archive that wait for a crawl: {integer(crawl.waiting)}
          </>
        )}
        {crawl.findings > 0 && (
          <>
            <br />
            <Badge tone="rejected">{count(crawl.findings, 'finding')} of the crawls</Badge>
          </>
        )}
      </p>
    </article>
  );
}

function Alarms({ overview: { ringing, alarms } }: { readonly overview: Overview }) {
  return (
    <section class="card">
      <h2>
        Alarms: {integer(ringing.length)} of {integer(alarms)} ring
      </h2>
      <ul class="plain">
        {ringing.map(({ name, since, description, runbook }) => (
          <li key={name}>
            <Badge tone="failed">{name}</Badge> {since !== undefined && <Ago at={since} />}
            <p class="fine">
              <Outside text={description.replace(/ Runbook: \S+$/, '')} />
              {runbook?.startsWith('https://') && (
                <>
                  {' '}
                  <a href={runbook} rel="noreferrer" target="_blank">
                    Runbook
                  </a>
                </>
              )}
            </p>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Recent({ overview, isEmpty }: { readonly overview: Overview; readonly isEmpty: boolean }) {
  const { recent, problem } = overview.activity;
  return (
    <section class="card">
      <h2>What ended last</h2>
      {problem !== undefined && <p class="fine">The logs can’t be followed: {problem}</p>}
      {recent.length === 0 ? (
        <Empty title={isEmpty ? 'No file has come yet.' : 'Nothing ended in the last ten minutes.'}>
          {isEmpty ? (
            <p>
              Drop a file onto the first box above, or:{' '}
              <Command text="npx sluice put --wait examples/recipes/soups.ndjson" />
            </p>
          ) : (
            <p>
              <a href="#/objects">See all objects and their states</a>
            </p>
          )}
        </Empty>
      ) : (
        <ol class="recent">
          {recent.slice(0, 15).map((step) => (
            <Ending key={`${step.at} ${step.stage} ${step.key} ${step.versionId}`} step={step} />
          ))}
        </ol>
      )}
    </section>
  );
}

function Ending({ step }: { readonly step: Step }) {
  const { at, key, stage, result, code, attempt, of, ended } = step;
  const rejected = ended?.rejected ?? 0;
  const tone: Tone =
    result === 'dead_lettered' || ended?.outcome === 'failed'
      ? 'failed'
      : result === 'retried' || ended?.outcome === 'rejected' || rejected > 0 || code !== undefined
        ? 'rejected'
        : 'done';
  const word = ended?.outcome ?? result.replace('_', '-');
  return (
    <li>
      <Badge tone={tone}>{word}</Badge>
      <ObjectLink name={key} />
      <span class="fine">
        {ended === undefined
          ? `${stage}, attempt ${attempt} of ${of}: ${code}`
          : `${integer(ended.read)} read = ${integer(ended.written)} written + ${integer(ended.filtered)} filtered + ${integer(rejected)} rejected${code === undefined ? '' : `, ${code}`}`}
      </span>
      <span class="fine end">
        {ended?.tookMs !== undefined && `${duration(ended.tookMs)}, `}
        <Ago at={at} />
      </span>
    </li>
  );
}
