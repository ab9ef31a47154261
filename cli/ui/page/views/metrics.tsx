import { useEffect, useRef, useState } from 'preact/hooks';
import type { Overview } from '../../overview.ts';
import type { Panel, Series } from '../../panels.ts';
import { Chart } from '../chart.tsx';
import { useAnswer } from '../fetching.ts';
import { Problem } from '../parts.tsx';

const LOOK_MS = 60_000;
const LOOK_HERE_MS = 10_000;

/**
 * The panels of the stack's CloudWatch dashboard. Only those in sight are read, since AWS bills each metric.
 */
export function Metrics({ overview }: { readonly overview: Overview | undefined }) {
  const [hours, setHours] = useState(1);
  const { data: panels, error } = useAnswer<Panel[]>('/panels');
  const isLocal = overview?.local ?? true;
  const rows = Map.groupBy(panels?.map((panel, index) => ({ panel, index })) ?? [], ({ panel }) => panel.row);
  return (
    <>
      <h1>Metrics</h1>
      <div class="tools">
        <fieldset class="chips">
          <legend class="visually-hidden">How far back</legend>
          {(isLocal ? [1, 3] : [1, 3, 12, 72]).map((each) => (
            <button key={each} type="button" aria-pressed={hours === each} onClick={() => setHours(each)}>
              {each} h
            </button>
          ))}
        </fieldset>
        <span class="fine">
          The panels of the CloudWatch dashboard. {isLocal && 'This machine keeps four hours of them.'}
        </span>
      </div>
      <Problem error={error} />
      {[...rows].map(([row, of]) => (
        <div class={`panels ${of[0]?.panel.kind}`} key={row}>
          {of.map(({ panel, index }) => (
            <PanelView
              key={panel.title}
              panel={panel}
              index={index}
              hours={hours}
              ms={isLocal ? LOOK_HERE_MS : LOOK_MS}
            />
          ))}
        </div>
      ))}
    </>
  );
}

interface PanelProps {
  readonly panel: Panel;
  readonly index: number;
  readonly hours: number;
  readonly ms: number;
}

function PanelView({ panel, index, hours, ms }: PanelProps) {
  const [isSeen, setIsSeen] = useState(false);
  const figure = useRef<HTMLElement>(null);
  useEffect(() => {
    const observer = new IntersectionObserver(([entry]) => setIsSeen(entry?.isIntersecting ?? false), {
      rootMargin: '100px',
    });
    if (figure.current !== null) observer.observe(figure.current);
    return () => observer.disconnect();
  }, []);
  const path = isSeen ? `/panels/${index}?hours=${hours}` : undefined;
  const { data, error } = useAnswer<Series>(path, ms);
  return (
    <figure ref={figure} class={`panel ${panel.kind}`}>
      <figcaption>{panel.title}</figcaption>
      <Problem error={error} />
      {panel.kind === 'numbers' ? (
        <Numbers panel={panel} series={data} />
      ) : (
        <Chart panel={panel} series={data} />
      )}
    </figure>
  );
}

const lastOf = (values: readonly (number | null)[] = []) => values.findLast((value) => value !== null);

function Numbers({ panel, series }: { readonly panel: Panel; readonly series: Series | undefined }) {
  return (
    <dl class="values">
      {panel.lines.map(({ id, label }, i) => (
        <div key={id}>
          <dd>{lastOf(series?.values[i]) ?? '–'}</dd>
          <dt>{label}</dt>
        </div>
      ))}
    </dl>
  );
}
